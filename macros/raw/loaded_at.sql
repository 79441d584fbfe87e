{#- what is absent or empty cannot be stale by itself: it is as fresh as the deals loaded with it -#}
{% macro loaded_at(table, column) %}
    select coalesce(
        (select max({{ parse_timestamp('raw_' ~ column) }}) from ({{ raw_table(table) }}) as delivered),
        (select max({{ parse_timestamp('raw_date_modify') }}) from ({{ raw_table('crm_deal') }}) as deals)
    )
{% endmacro %}
