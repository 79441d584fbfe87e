{% macro segment_dimension(segment_type) -%}
    {{ segment_type ~ '_id' if segment_type in ('channel', 'pipeline', 'employee') else segment_type }}
{%- endmacro %}
