{% macro default__row_as_json(columns) -%}
    cast(
        json_object(
            {%- for column in columns %}'{{ column.name }}', raw_{{ column.name }}{{ ', ' if not loop.last }}{% endfor -%}
        ) as {{ dbt.type_string() }}
    )
{%- endmacro %}
