{% macro segment_dimension(segment_type) -%}
    {%- if segment_type in var('custom_segments', {}) -%}
    custom_{{ segment_type }}
    {%- else -%}
    {{ segment_type ~ '_id' if segment_type in ('channel', 'pipeline', 'employee') else segment_type }}
    {%- endif -%}
{%- endmacro %}
