with

leads as (

    select * from {{ ref('stg_bitrix24__leads') }}

),

deals as (

    select * from {{ ref('stg_bitrix24__deals') }}

),

known_leads as (

    select * from {{ ref('fct_leads') }}

),

known_deals as (

    select * from {{ ref('fct_deals') }}

),

-- the value of a lead is that of its deals too, like its channel
members as (

    {% for name, custom_segment in var('custom_segments').items() %}
    {% if custom_segment['table'] == 'crm_lead' %}
    select
        '{{ name }}' as segment_type,
        'lead' as entity_type,
        known_leads.lead_id as entity_id,
        leads.custom_{{ name }} as segment_id

    from known_leads

    inner join leads
        on known_leads.lead_id = leads.lead_id

    union all

    select
        '{{ name }}' as segment_type,
        'deal' as entity_type,
        known_deals.deal_id as entity_id,
        leads.custom_{{ name }} as segment_id

    from known_deals

    inner join leads
        on known_deals.lead_id = leads.lead_id

    where known_deals.has_known_lead
    {% else %}
    select
        '{{ name }}' as segment_type,
        'deal' as entity_type,
        known_deals.deal_id as entity_id,
        deals.custom_{{ name }} as segment_id

    from known_deals

    inner join deals
        on known_deals.deal_id = deals.deal_id
    {% endif %}

    union all
    {% endfor %}
    select
        cast(null as {{ dbt.type_string() }}) as segment_type,
        cast(null as {{ dbt.type_string() }}) as entity_type,
        cast(null as {{ dbt.type_string() }}) as entity_id,
        cast(null as {{ dbt.type_string() }}) as segment_id

),

final as (

    select
        segment_type || '|' || entity_type || '_' || entity_id as custom_segment_key,
        segment_type,
        entity_type,
        entity_id,
        entity_type || '_' || entity_id as demand_unit_id,
        segment_id

    from members

    where segment_id is not null

)

select * from final
