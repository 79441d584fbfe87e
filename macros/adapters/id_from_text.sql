{% macro id_from_text(text) -%}
    {{ return(adapter.dispatch('id_from_text', 'bitrix24_effectiveness')(text)) }}
{%- endmacro %}

{% macro default__id_from_text(text) -%}
    case
        when {{ regexp_like(text, '^[0-9]{1,18}([.]0+)?$') }}
            then cast(cast(split_part({{ text }}, '.', 1) as bigint) as {{ dbt.type_string() }})
    end
{%- endmacro %}

{#- nearly all are plain numbers, and DuckDB reads and writes a number in half the time of a regular expression -#}
{% macro duckdb__id_from_text(text) -%}
    {%- set number = 'try_cast(' ~ text ~ ' as bigint)' -%}
    case
        when {{ number }} between 0 and 999999999999999999 and cast({{ number }} as {{ dbt.type_string() }}) = {{ text }}
            then {{ text }}
        else {{ bitrix24_effectiveness.default__id_from_text(text) }}
    end
{%- endmacro %}

{#- counted repetitions are slow here: each makes states of its own, anew for every text -#}
{% macro postgres__id_from_text(text) -%}
    case
        when {{ text }} ~ '^[0-9]+([.]0+)?$' and length(split_part({{ text }}, '.', 1)) <= 18
            then cast(cast(split_part({{ text }}, '.', 1) as bigint) as {{ dbt.type_string() }})
    end
{%- endmacro %}
