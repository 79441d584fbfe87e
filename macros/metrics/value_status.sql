{% macro value_status(headline, source_is_missing='false') -%}
    case
            when {{ source_is_missing }} then 'source_missing'
            when not registry.is_complete then 'too_early'
            when {{ headline }} is null then 'no_data'
            else 'measured'
        end
{%- endmacro %}
