{% macro number_from_text(text) -%}
    {{ return(adapter.dispatch('number_from_text', 'bitrix24_effectiveness')(text)) }}
{%- endmacro %}

{% macro default__number_from_text(text) -%}
    try_cast({{ text }} as numeric(18, 4))
{%- endmacro %}

{#- no try_cast here: what would overflow is seen before it is cast -#}
{% macro postgres__number_from_text(text) -%}
    case
        when abs(cast({{ text }} as numeric)) < 99999999999999.99995 then cast({{ text }} as numeric)
    end
{%- endmacro %}
