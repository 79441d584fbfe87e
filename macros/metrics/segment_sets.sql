{% macro segment_sets(group_columns, segment_types) -%}
    grouping sets (
        ({{ group_columns }})
        {%- for segment_type in segment_types %},
        ({{ group_columns }}, {{ bitrix24_effectiveness.segment_dimension(segment_type) }})
        {%- endfor %}
    )
{%- endmacro %}
