{% macro share_of(amount, part, whole) -%}
    cast(cast({{ amount }} as numeric(22, 6)) * ({{ part }}) / ({{ whole }}) as numeric(28, 6))
{%- endmacro %}
