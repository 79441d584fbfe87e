{#- hardly a raw time has fractions of a second, and regular expressions are slow -#}
{% macro cut_to_microseconds(text) -%}
    case
        when {{ text }} like '%.%' then regexp_replace({{ text }}, '([.][0-9]{6})[0-9]+', '\1')
        else {{ text }}
    end
{%- endmacro %}
