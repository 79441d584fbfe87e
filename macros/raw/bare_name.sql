{% macro bare_name(name) %}
    {{ return(name | lower | replace('_', '')) }}
{% endmacro %}
