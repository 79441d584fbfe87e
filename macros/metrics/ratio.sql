{% macro ratio(numerator, denominator, scale=1) -%}
    cast({{ numerator }} as {{ bitrix24_effectiveness.type_double() }}){{ ' * ' ~ scale if scale != 1 }} / nullif({{ denominator }}, 0)
{%- endmacro %}
