with

typed_rows as (

    select * from {{ ref('base_bitrix24__deals') }}

),

accepted as (

    select
        id as deal_id,
        lead_id,
        company_id,
        contact_id,
        assigned_by_id as employee_id,
        created_by_id as creator_id,
        category_id as pipeline_id,
        stage_id,
        stage_semantic_id as semantic,
        source_id,
        type_id as deal_type_id,
        currency_id as currency,
        {% for name in custom_segment_columns('crm_deal') -%}
        {{ name }},
        {% endfor -%}
        utm_source,
        utm_medium,
        utm_campaign,
        opportunity as amount,
        is_return_customer,
        is_repeated_approach,
        closed as is_closed,
        date_create as created_at,
        begindate as begin_at,
        closedate as close_at,
        moved_time as moved_at,
        date_modify as modified_at

    from typed_rows

    where row_status = 'accepted'

)

select * from accepted
