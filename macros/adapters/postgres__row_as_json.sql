{#- the functions that build JSON from pairs put spaces around their colons; this one does not -#}
{% macro postgres__row_as_json(columns) -%}
    (
        select cast(row_to_json(raw_columns) as text)
        from (
            select {% for column in columns %}raw_{{ column.name }} as "{{ column.name }}"{{ ', ' if not loop.last }}{% endfor %}
        ) as raw_columns
    )
{%- endmacro %}
