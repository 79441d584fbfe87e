{#- \N is what MySQL and PostgreSQL write into files; not every engine takes a backslash in a text as it is -#}
{% macro null_words(text) -%}
    case
            when {{ text }} not in (
                '', 'null', 'NULL', chr(92) || 'N', 'None', 'nan', 'NaN', 'NaT', 'nil', '#N/A', 'undefined'
            )
                then {{ text }}
        end
{%- endmacro %}
