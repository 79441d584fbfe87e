{#- servers have settings of their own, and the Thrift server takes those of a profile under other names only -#}
{% macro spark__check_session() -%}
    {%- if execute and flags.WHICH in ('build', 'run', 'test') -%}
        {%- set wanted = {'spark.sql.session.timeZone': ['UTC', 'Etc/UTC'], 'spark.sql.ansi.enabled': ['false']} -%}
        {%- for setting, values in wanted.items() -%}
            {%- set found = run_query('set ' ~ setting).rows[0]['value'] -%}
            {%- if found not in values -%}
                {{ exceptions.raise_compiler_error(
                    setting ~ ' of this Spark session is ' ~ found ~ ': it must be ' ~ values[0] ~ ', see docs/spark.md'
                ) }}
            {%- endif -%}
        {%- endfor -%}
    {%- endif -%}
{%- endmacro %}
