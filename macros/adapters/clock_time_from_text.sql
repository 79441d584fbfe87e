{% macro clock_time_from_text(text) -%}
    {{ return(adapter.dispatch('clock_time_from_text', 'bitrix24_effectiveness')(text)) }}
{%- endmacro %}

{% macro default__clock_time_from_text(text) -%}
    try_cast({{ text }} as timestamp)
{%- endmacro %}

{#- no try_cast here: a 30 February is seen before it is cast; digits after the microseconds would round up -#}
{% macro postgres__clock_time_from_text(text) -%}
    case
        when {{ is_day_of_month(text) }}
            then cast({{ cut_to_microseconds(text) }} as timestamp)
    end
{%- endmacro %}
