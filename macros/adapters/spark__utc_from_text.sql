{% macro spark__utc_from_text(text) -%}
    try_cast({{ text }} as timestamp)
{%- endmacro %}
