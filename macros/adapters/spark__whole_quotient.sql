{#- `div` gives a bigint, which is too small; a division without a remainder is exact -#}
{% macro spark__whole_quotient(dividend, divisor) -%}
    {%- set whole = "cast(" ~ dividend ~ " as numeric(38, 0))" -%}
    {%- set by = "cast(" ~ divisor ~ " as numeric(38, 0))" -%}
    cast(({{ whole }} - mod({{ whole }}, {{ by }})) / {{ by }} as numeric(22, 0))
{%- endmacro %}
