{% macro segment_dimension(segment_type) -%}
    {{ segment_type if segment_type in ('client_type', 'request_channel', 'process_category') else segment_type ~ '_id' }}
{%- endmacro %}
