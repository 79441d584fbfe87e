{% macro ratio(numerator, denominator, scale=1) -%}
    cast({{ numerator }} as {{ type_double() }}){{ ' * ' ~ scale if scale != 1 }} / nullif({{ denominator }}, 0)
{%- endmacro %}
