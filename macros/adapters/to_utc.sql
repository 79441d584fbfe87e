{% macro to_utc(local_timestamp, timezone=var('reporting_timezone')) -%}
    {{ return(adapter.dispatch('to_utc', 'bitrix24_effectiveness')(local_timestamp, timezone)) }}
{%- endmacro %}

{% macro default__to_utc(local_timestamp, timezone) -%}
    (({{ local_timestamp }}) at time zone '{{ timezone }}' at time zone 'UTC')
{%- endmacro %}

{#- UTC of an instant without asking the time-zone library a second time -#}
{% macro duckdb__to_utc(local_timestamp, timezone) -%}
    make_timestamp(epoch_us(({{ local_timestamp }}) at time zone '{{ timezone }}'))
{%- endmacro %}

{#-
  Of an hour that the clock shows twice Java takes the first and the other engines take the second: that is the one
  by the offset of the next day, where it really reads so.
-#}
{% macro spark__to_utc(local_timestamp, timezone) -%}
    {%- set first = "to_utc_timestamp(" ~ local_timestamp ~ ", '" ~ timezone ~ "')" -%}
    {%- set next_day = "timestampadd(day, 1, " ~ first ~ ")" -%}
    {%- set second = "timestampadd(microsecond, unix_micros(" ~ local_timestamp ~ ") - unix_micros(from_utc_timestamp("
        ~ next_day ~ ", '" ~ timezone ~ "')), " ~ next_day ~ ")" -%}
    case
        when from_utc_timestamp({{ second }}, '{{ timezone }}') = {{ local_timestamp }} then {{ second }}
        else {{ first }}
    end
{%- endmacro %}
