{% macro whole_quotient(dividend, divisor) -%}
    {{ return(adapter.dispatch('whole_quotient', 'bitrix24_effectiveness')(dividend, divisor)) }}
{%- endmacro %}

{% macro default__whole_quotient(dividend, divisor) -%}
    cast(cast({{ dividend }} as hugeint) // cast({{ divisor }} as hugeint) as numeric(22, 0))
{%- endmacro %}

{% macro postgres__whole_quotient(dividend, divisor) -%}
    div(cast({{ dividend }} as numeric), cast({{ divisor }} as numeric))
{%- endmacro %}

{#- `div` gives a bigint, which is too small; a division without a remainder is exact -#}
{% macro spark__whole_quotient(dividend, divisor) -%}
    {%- set whole = "cast(" ~ dividend ~ " as numeric(38, 0))" -%}
    {%- set by = "cast(" ~ divisor ~ " as numeric(38, 0))" -%}
    cast(({{ whole }} - mod({{ whole }}, {{ by }})) / {{ by }} as numeric(22, 0))
{%- endmacro %}
