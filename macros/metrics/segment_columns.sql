{#-
  The two segment columns of an aggregate by grouping sets. Every dimension column is filled in every
  row (unknown members are `unknown`), so the one that is not null names the set.
-#}
{% macro segment_columns(segment_types) -%}
    case
        {%- for segment_type in segment_types %}
            when {{ segment_dimension(segment_type) }} is not null then '{{ segment_type }}'
        {%- endfor %}
            else 'all'
        end as segment_type,
        coalesce(
        {%- for segment_type in segment_types %}{{ segment_dimension(segment_type) }}, {% endfor -%}
        'all') as segment_id
{%- endmacro %}
