{#- what is longer is neither a name nor a code: cut before it is carried from model to model -#}
{% macro raw_text(column, raw_type) -%}
    {%- set trimmed = trimmed('left(' ~ as_text(column, raw_type) ~ ', 10000)') -%}
    {%- if raw_type == 'timestamp' -%}
        case when {{ trimmed }} not like '0000-00-00%' then {{ null_words(trimmed) }} end
    {%- else -%}
        {{ null_words(trimmed) }}
    {%- endif -%}
{%- endmacro %}
