{% macro parse_dictionary(column) %}
    case {{ parse_key(column) | trim }}
        when '1' then 'STATUS'
        when '2' then 'DEAL_STAGE'
        else {{ parse_key(column) | trim }}
    end
{% endmacro %}
