{#- readable rows and others are numbered apart, so that no readable one is superseded by another -#}
{% macro version_number(columns, meta) -%}
    row_number() over (
            partition by row_id, rejection_reason is null
            order by
            {%- if meta.newest_by %}
                {{ meta.newest_by }} desc nulls last,
            {%- endif %}
            {%- for column in columns %}
                {{ in_byte_order('raw_' ~ column.name) }} desc nulls last{{ ',' if not loop.last }}
            {%- endfor %}
        )
{%- endmacro %}
