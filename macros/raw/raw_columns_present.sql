{% macro raw_columns_present(relation, contract) %}
    {#- a unit test's input is a CTE that no catalogue knows: it is taken to have every declared column -#}
    {%- if model.resource_type == 'unit_test' -%}
        {{ return(contract.columns.keys() | list) }}
    {%- endif -%}
    {%- set loaded = adapter.get_relation(relation.database, relation.schema, relation.identifier) -%}
    {%- if loaded is none -%}
        {{ return(none) }}
    {%- endif -%}
    {{ return(adapter.get_columns_in_relation(loaded) | map(attribute='name') | list) }}
{% endmacro %}
