{#-
  The key of a cell, a period of a member of a segment type, of an aggregate by grouping sets. Every
  dimension column is filled in every row (unknown members are `unknown`), so the one that is not
  null names the set.
-#}
{% macro cell_key(period_key, segment_types) -%}
    {{ period_key }} || case
            {%- for segment_type in segment_types %}
            when {{ bitrix24_effectiveness.segment_dimension(segment_type) }} is not null
                then '|{{ segment_type }}|' || {{ bitrix24_effectiveness.segment_dimension(segment_type) }}
            {%- endfor %}
            else '|all|all'
        end
{%- endmacro %}
