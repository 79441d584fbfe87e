{% macro parse_flag(column) %}
    case
        when lower({{ column }}) in ('y', 'yes', '1', '1.0', 'true', 't') then true
        when lower({{ column }}) in ('n', 'no', '0', '0.0', 'false', 'f') then false
    end
{% endmacro %}
