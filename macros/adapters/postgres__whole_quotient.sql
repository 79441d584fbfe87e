{% macro postgres__whole_quotient(dividend, divisor) -%}
    div(cast({{ dividend }} as numeric), cast({{ divisor }} as numeric))
{%- endmacro %}
