{% macro postgres__utc_from_text(text) -%}
    case
        when {{ is_day_of_month(text) }}
            then cast(regexp_replace({{ text }}, '([.][0-9]{6})[0-9]+', '\1') as timestamptz) at time zone 'UTC'
    end
{%- endmacro %}
