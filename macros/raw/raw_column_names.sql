{#- what the preset and, over it, the var raw_columns call the columns of a raw table -#}
{% macro raw_column_names(table) %}
    {%- set presets = var('raw_presets') -%}
    {%- if var('raw_preset') not in presets -%}
        {%- do exceptions.raise_compiler_error(
            'var raw_preset is ' ~ var('raw_preset') ~ ': it must be one of ' ~ presets.keys() | join(', ')
        ) -%}
    {%- endif -%}
    {{ return(dict(presets[var('raw_preset')]['columns'].get(table, {}), **var('raw_columns').get(table, {}))) }}
{% endmacro %}
