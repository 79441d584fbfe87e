{% macro check_session() -%}
    {{ return(adapter.dispatch('check_session')()) }}
{%- endmacro %}

{% macro default__check_session() -%}
{%- endmacro %}

{#- a server has a clock of its own, and that of Thrift takes the settings of a profile under other names only -#}
{% macro spark__check_session() -%}
    {%- if execute and flags.WHICH in ('build', 'run', 'test') -%}
        {%- set timezone = run_query('select current_timezone()').columns[0].values()[0] -%}
        {%- if timezone not in ('UTC', 'Etc/UTC') -%}
            {{ exceptions.raise_compiler_error(
                'the clock of this Spark session is ' ~ timezone
                ~ ': set spark.sql.session.timeZone to UTC, see docs/spark.md'
            ) }}
        {%- endif -%}
    {%- endif -%}
{%- endmacro %}
