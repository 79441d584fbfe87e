{#- of a rejected row: published, so that what is no id is hidden as in the rest of the row -#}
{% macro shown_key(columns, key) -%}
    {%- set column = columns | selectattr('name', 'equalto', key) | first -%}
    case
                when {{ shown_raw(column) }} = '(hidden)' then '(hidden)'
                else coalesce({{ key }}, raw_{{ key }})
            end
{%- endmacro %}
