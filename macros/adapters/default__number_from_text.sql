{% macro default__number_from_text(text) -%}
    try_cast({{ text }} as numeric(18, 4))
{%- endmacro %}
