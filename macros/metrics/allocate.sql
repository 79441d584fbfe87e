{% macro allocate(amount, part, whole) -%}
    {{ bitrix24_effectiveness.exact_ratio(
        'cast(' ~ amount ~ ' as numeric(38, 6)) * 1000000 * (' ~ part ~ ')', whole, 6
    ) }}
{%- endmacro %}
