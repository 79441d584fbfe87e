{% macro share_of(amount, part, whole) -%}
    {{ quotient('cast(' ~ amount ~ ' as numeric(38, 6)) * 1000000 * (' ~ part ~ ')', whole, 6) }}
{%- endmacro %}
