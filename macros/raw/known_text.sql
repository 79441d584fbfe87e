{#- \N is what MySQL and PostgreSQL write into files; not every engine takes a backslash in a text as it is -#}
{% macro known_text(text, raw_type) -%}
    case
            when {{ text }} not in (
                '', 'null', 'NULL', chr(92) || 'N', 'None', 'nan', 'NaN', 'NaT', 'nil', '#N/A', 'undefined'
            )
            {%- if raw_type == 'timestamp' %} and {{ text }} not like '0000-00-00%'{% endif %}
                then {{ text }}
        end
{%- endmacro %}
