with

metric_values as (

    select * from {{ ref('metric_values') }}
    where period_grain = 'month' and segment_type = 'all' and is_complete

),

lost_sales as (

    select * from {{ ref('metric_lost_sales') }}

),

-- lost sales grow with demand: what the CRM can change is the loss per unit of demand
monthly_values as (

    select
        metric_values.metric_code
        || '|' || cast(metric_values.period_start as {{ dbt.type_string() }}) as effect_month_key,
        metric_values.metric_code,
        metric_values.period_start,
        case
            when metric_values.metric_code = 'lost_sales'
                then {{ ratio('lost_sales.lost_sales', 'lost_sales.demand') }}
            else metric_values.value
        end as value,
        metric_values.numerator,
        metric_values.denominator

    from metric_values

    left join lost_sales
        on metric_values.metric_key = lost_sales.metric_key

    where metric_values.value_status = 'measured'

)

select * from monthly_values
