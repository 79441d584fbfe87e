{#- what is longer is neither a name nor a code: cut before it is carried from model to model -#}
{% macro raw_text(column, raw_type) -%}
    {%- set text = trimmed_start(as_text(column, raw_type), 10000) -%}
    {{ trimmed(unquoted(text)) if raw_type in ('key', 'word', 'code', 'dictionary') else text }}
{%- endmacro %}
