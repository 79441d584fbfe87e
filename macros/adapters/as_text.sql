{% macro as_text(column, raw_type) -%}
    {{ return(adapter.dispatch('as_text', 'bitrix24_effectiveness')(column, raw_type)) }}
{%- endmacro %}

{% macro default__as_text(column, raw_type) -%}
    cast({{ column }} as {{ dbt.type_string() }})
{%- endmacro %}

{#- typeof() is known when the query is planned, so that nothing is left of the other branch -#}
{% macro spark__as_text(column, raw_type) -%}
    {%- if raw_type == 'timestamp' -%}
    cast({{ column }} as string) || case when typeof({{ column }}) = 'timestamp' then '+00' else '' end
    {%- elif raw_type in ('id', 'link', 'key', 'word', 'code', 'flag') -%}
    case
        when typeof({{ column }}) = 'double' then cast(cast({{ column }} as decimal(38, 1)) as string)
        else cast({{ column }} as string)
    end
    {%- else -%}
    cast({{ column }} as string)
    {%- endif -%}
{%- endmacro %}
