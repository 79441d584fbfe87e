{% macro row_as_json(columns) -%}
    {{ return(adapter.dispatch('row_as_json', 'bitrix24_effectiveness')(columns)) }}
{%- endmacro %}

{% macro default__row_as_json(columns) -%}
    cast(
        json_object(
            {%- for column in columns %}'{{ column.name }}', {{ shown_raw(column) }}{{ ', ' if not loop.last }}{% endfor -%}
        ) as {{ dbt.type_string() }}
    )
{%- endmacro %}

{#- the functions that build JSON from pairs put spaces around their colons; this one does not -#}
{% macro postgres__row_as_json(columns) -%}
    (
        select cast(row_to_json(raw_columns) as text)
        from (
            select {% for column in columns %}{{ shown_raw(column) }} as "{{ column.name }}"{{ ', ' if not loop.last }}{% endfor %}
        ) as raw_columns
    )
{%- endmacro %}

{% macro spark__row_as_json(columns) -%}
    to_json(
        named_struct(
            {%- for column in columns %}'{{ column.name }}', {{ shown_raw(column) }}{{ ', ' if not loop.last }}{% endfor -%}
        ), map('ignoreNullFields', 'false')
    )
{%- endmacro %}
