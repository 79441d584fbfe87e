{% macro raw_text(column, raw_type) -%}
    {%- set trimmed = trimmed(as_text(column, raw_type)) -%}
    {%- if raw_type == 'timestamp' -%}
        case when {{ trimmed }} not like '0000-00-00%' then {{ null_words(trimmed) }} end
    {%- else -%}
        {{ null_words(trimmed) }}
    {%- endif -%}
{%- endmacro %}
