{#- dbt writes what it ran of a seed below its target folder, under the seed's own path: an absolute one is the seed -#}
{% macro check_session() -%}
    {%- if execute and modules.re.match('[/\\\\]|[A-Za-z]:', env_var('CRM_SEEDS_DIR', 'seeds')) -%}
        {{ exceptions.raise_compiler_error(
            'CRM_SEEDS_DIR is an absolute path, and dbt would write over the seeds there: give it relative to the '
            ~ 'project, or run crm-effect'
        ) }}
    {%- endif -%}
    {{ return(adapter.dispatch('check_session', 'bitrix24_effectiveness')()) }}
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
