{% macro value_status(is_complete, headline, is_source_missing='false', is_history_too_short='false') -%}
    case
            when {{ is_source_missing }} then 'source_missing'
            when {{ is_history_too_short }} then 'history_too_short'
            when not {{ is_complete }} then 'too_early'
            when {{ headline }} is null then 'no_data'
            else 'measured'
        end
{%- endmacro %}
