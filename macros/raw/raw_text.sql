{#- what is longer is neither a name nor a code: cut before it is carried from model to model -#}
{% macro raw_text(column, raw_type) -%}
    {%- set text = trimmed('left(' ~ as_text(column, raw_type) ~ ', 10000)') -%}
    {%- if raw_type in ('key', 'word', 'code', 'dictionary') -%}
        {{ null_words(trimmed(unquoted(text))) }}
    {%- elif raw_type == 'timestamp' -%}
        case when {{ text }} not like '0000-00-00%' then {{ null_words(text) }} end
    {%- else -%}
        {{ null_words(text) }}
    {%- endif -%}
{%- endmacro %}
