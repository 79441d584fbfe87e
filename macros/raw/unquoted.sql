{#- the plain quote by its number: Spark does not read two of them in a text as one -#}
{% macro unquoted(text) -%}
    trim(both '"«»“”„‘’`' || chr(39) from {{ text }})
{%- endmacro %}
