{#-
  What is of leads only says nothing of deals without one, and what is of deals says nothing of leads: a metric of
  demand has the segments of leads, and those of deals where deals are the demand.
-#}
{% macro custom_segment_types(metric_code=none) %}
    {%- set names = [] -%}
    {%- for name, custom_segment in var('custom_segments').items() -%}
        {%- if custom_segment['table'] not in ('crm_lead', 'crm_deal') -%}
            {%- do exceptions.raise_compiler_error(
                'var custom_segments: ' ~ name ~ ': table is ' ~ custom_segment['table']
                ~ ': it must be crm_lead or crm_deal'
            ) -%}
        {%- endif -%}
        {%- if
            metric_code in (none, 'sales_cycle', 'average_deal_size')
            or metric_code in ('conversion', 'lost_sales')
            and (custom_segment['table'] == 'crm_lead' or var('demand_entity') == 'deal')
        -%}
            {%- do names.append(name) -%}
        {%- endif -%}
    {%- endfor -%}
    {{ return(names) }}
{% endmacro %}
