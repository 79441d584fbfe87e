with

deals as (

    select
        deal_id,
        lead_id,
        client_id,
        client_type,
        channel_id,
        pipeline_id,
        employee_id,
        stage_id,
        state,
        created_at,
        created_date,
        first_contact_at,
        won_at,
        won_date,
        lost_at,
        lost_date,
        lost_from_stage_id as lost_from_stage,
        loss_reason_id,
        is_organisational_loss,
        amount,
        cast(original_amount as numeric(28, 6)) as original_amount,
        original_currency,
        cast({{ microseconds_between('first_contact_at', 'won_at') }} as {{ type_double() }}) / 86400000000
            as cycle_days

    from {{ ref('int_deals') }}

)

select * from deals
