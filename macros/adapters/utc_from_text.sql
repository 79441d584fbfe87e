{% macro utc_from_text(text) -%}
    {{ return(adapter.dispatch('utc_from_text', 'bitrix24_effectiveness')(text)) }}
{%- endmacro %}

{% macro default__utc_from_text(text) -%}
    make_timestamp(epoch_us(try_cast({{ text }} as timestamptz)))
{%- endmacro %}

{% macro postgres__utc_from_text(text) -%}
    case
        when {{ is_day_of_month(text) }}
            then cast({{ cut_to_microseconds(text) }} as timestamptz) at time zone 'UTC'
    end
{%- endmacro %}

{% macro spark__utc_from_text(text) -%}
    try_cast({{ text }} as timestamp)
{%- endmacro %}
