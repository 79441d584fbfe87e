{#-
  The BI Connector names a dictionary of stages by the number of their CRM entity. Those of invoices and smart processes
  are SMART_INVOICE_STAGE_5 and DYNAMIC_1032_STAGE_5 (5 is the pipeline): where these are sold by (var
  deal_entity_type), they are the stages of deals.
-#}
{% macro parse_dictionary(column) %}
    {%- set own = var('deal_entity_type') | string -%}
    {%- set own_stages = {'2': 'DEAL_STAGE', '31': 'SMART_INVOICE_STAGE'}.get(own, 'DYNAMIC_' ~ own ~ '_STAGE') -%}
    case
        when {{ parse_key(column) | trim }} = '1' then 'STATUS'
        when {{ parse_key(column) | trim }} = '{{ own }}' then 'DEAL_STAGE'
        {%- if own != '2' %}
        when {{ parse_key(column) | trim }} like 'DEAL_STAGE%' then 'OTHER_' || {{ parse_key(column) | trim }}
        when {{ parse_key(column) | trim }} like '{{ own_stages }}_%'
            then replace({{ parse_key(column) | trim }}, '{{ own_stages }}', 'DEAL_STAGE')
        {%- endif %}
        else {{ parse_key(column) | trim }}
    end
{% endmacro %}
