{% macro raw_text(column, raw_type) -%}
    {%- set trimmed = trimmed('cast(' ~ column ~ ' as ' ~ dbt.type_string() ~ ')') -%}
    {%- if raw_type == 'timestamp' -%}
        case when {{ trimmed }} not like '0000-00-00%' then nullif(nullif({{ trimmed }}, ''), 'null') end
    {%- else -%}
        nullif(nullif({{ trimmed }}, ''), 'null')
    {%- endif -%}
{%- endmacro %}
