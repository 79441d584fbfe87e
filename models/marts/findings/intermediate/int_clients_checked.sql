with

finding_window as (

    select * from {{ ref('int_finding_window') }}

),

deals as (

    select * from {{ ref('fct_deals') }}
    where client_id is not null

),

clients as (

    select * from {{ ref('dim_clients') }}

),

deals_by_client as (

    select
        deals.client_id,
        count(*) as deals,
        max(deals.created_at) as last_deal_at

    from deals

    inner join finding_window
        on deals.created_at >= finding_window.window_start_at

    group by deals.client_id

),

final as (

    select
        'client' as entity_type,
        clients.client_id as entity_id,
        cast(null as {{ dbt.type_string() }}) as employee_id,
        cast(null as {{ dbt.type_string() }}) as pipeline_id,
        deals_by_client.last_deal_at as happened_at,
        cast(null as numeric(28, 6)) as amount,
        'deals: ' || cast(deals_by_client.deals as {{ dbt.type_string() }}) as note,
        not clients.has_contact_data as is_without_contact_data

    from deals_by_client

    inner join clients
        on deals_by_client.client_id = clients.client_id

)

select * from final
