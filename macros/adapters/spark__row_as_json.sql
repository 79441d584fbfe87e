{% macro spark__row_as_json(columns) -%}
    to_json(
        named_struct(
            {%- for column in columns %}'{{ column.name }}', raw_{{ column.name }}{{ ', ' if not loop.last }}{% endfor -%}
        ), map('ignoreNullFields', 'false')
    )
{%- endmacro %}
