{#-
  Division of decimals is done in doubles on DuckDB and in so many digits elsewhere; whole numbers of the
  smallest unit divide alike everywhere. Half a unit is added, so that it rounds and does not cut.
-#}
{% macro exact_ratio(units, divisor, decimals) -%}
    cast(
        cast(sign({{ units }}) as numeric(1, 0)) * {{ bitrix24_effectiveness.whole_quotient(
            '2 * abs(' ~ units ~ ') + (' ~ divisor ~ ')', '2 * (' ~ divisor ~ ')'
        ) }}
        * cast(1e-{{ decimals }} as numeric({{ decimals }}, {{ decimals }}))
        as numeric(28, {{ decimals }})
    )
{%- endmacro %}
