{% macro cell_columns(relation) -%}
    {{ relation }}.metric_key,
        {{ relation }}.period_grain,
        {{ relation }}.period_start,
        {{ relation }}.period_end,
        {{ relation }}.is_complete,
        {{ relation }}.segment_type,
        {{ relation }}.segment_id,
        {{ relation }}.segment_name
{%- endmacro %}
