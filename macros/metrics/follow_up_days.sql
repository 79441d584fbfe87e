{% macro follow_up_days(metric_code) -%}
    case {{ metric_code }}
            when 'conversion' then 90
            when 'lost_sales' then 90
            when 'response_time' then {{ var('response_horizon_days') }}
            when 'sales_cycle' then {{ var('cycle_horizon_days') }}
            when 'retention' then {{ var('client_inactivity_days') }}
            when 'churn' then {{ var('client_inactivity_days') }}
            else 0
        end
{%- endmacro %}
