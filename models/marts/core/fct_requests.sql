with

requests as (

    select * from {{ ref('int_requests_and_journal') }}

),

working_times as (

    select * from {{ ref('int_request_working_times') }}

),

leads as (

    select * from {{ ref('fct_leads') }}

),

deals as (

    select * from {{ ref('fct_deals') }}

),

clients as (

    select * from {{ ref('dim_clients') }}

),

first_deals as (

    select
        thread_id,
        channel_id,
        row_number() over (
            partition by thread_id
            order by created_at, {{ in_order_of_ids('deal_id', 'source') }}
        ) as deal_number

    from deals

),

with_channel as (

    select
        requests.*,
        coalesce(
            nullif(leads.channel_id, 'unknown'),
            first_deals.channel_id,
            clients.channel_id,
            'unknown'
        ) as channel_id,
        cast({{ microseconds_between('requests.requested_at', 'requests.responded_at') }} as bigint)
            as response_microseconds

    from requests

    left join leads
        on requests.thread_id = leads.thread_id

    left join first_deals
        on
            requests.thread_id = first_deals.thread_id
            and first_deals.deal_number = 1

    left join clients
        on requests.thread_id = 'client_' || clients.client_id

),

final as (

    select
        with_channel.request_id,
        with_channel.source,
        with_channel.thread_id,
        with_channel.request_channel,
        with_channel.chat_connector,
        with_channel.channel_id,
        with_channel.employee_id,
        with_channel.requested_at,
        cast({{ to_local('with_channel.requested_at') }} as date) as requested_date,
        {{ local_hour('with_channel.requested_at') }} as requested_hour,
        with_channel.responded_at,
        cast({{ to_local('with_channel.responded_at') }} as date) as responded_date,
        {{ local_hour('with_channel.responded_at') }} as responded_hour,
        with_channel.answer_status,
        cast(with_channel.response_microseconds as {{ type_double() }})
        / 60000000 as response_minutes,
        cast(working_times.response_working_microseconds as {{ type_double() }}) / 60000000
            as response_working_minutes,
        with_channel.response_microseconds,
        working_times.response_working_microseconds,
        working_times.age_working_microseconds

    from with_channel

    inner join working_times
        on with_channel.request_id = working_times.request_id

)

select * from final
