{% macro default__clock_time_from_text(text) -%}
    try_cast({{ text }} as timestamp)
{%- endmacro %}
