{#- dbt.datediff is a float here, which a century of microseconds does not fit -#}
{% macro postgres__microseconds_between(earlier, later) -%}
    cast(extract(epoch from {{ later }} - {{ earlier }}) * 1000000 as bigint)
{%- endmacro %}
