with

typed_rows as (

    select * from {{ ref('base_bitrix24__leads') }}

),

accepted as (

    select
        id as lead_id,
        company_id,
        contact_id,
        assigned_by_id as employee_id,
        created_by_id as creator_id,
        status_id,
        status_semantic_id as semantic,
        source_id,
        currency_id as currency,
        {% for name in custom_segment_columns('crm_lead') -%}
        {{ name }},
        {% endfor -%}
        utm_source,
        utm_medium,
        utm_campaign,
        opportunity as amount,
        is_return_customer,
        has_phone,
        has_email,
        date_create as created_at,
        moved_time as moved_at,
        date_closed as closed_at,
        date_modify as modified_at

    from typed_rows

    where row_status = 'accepted'

)

select * from accepted
