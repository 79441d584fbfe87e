{% macro parse_semantic(column) %}
    case
        when upper({{ column }}) in ('P', 'PROCESS') then 'P'
        when upper({{ column }}) in ('S', 'SUCCESS') then 'S'
        when upper({{ column }}) in ('F', 'FAILURE', 'APOLOGY') then 'F'
    end
{% endmacro %}
