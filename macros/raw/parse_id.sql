{#- 37, '37' and '37.0' are one id; ids stay text -#}
{% macro parse_id(column) %}
    case
        when {{ regexp_like(column, '^[0-9]{1,18}([.]0+)?$') }}
            then cast(cast(split_part({{ column }}, '.', 1) as bigint) as {{ dbt.type_string() }})
    end
{% endmacro %}
