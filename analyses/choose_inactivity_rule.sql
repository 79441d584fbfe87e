-- After how many days of silence is a client lost? For each candidate rule: how often it would have
-- called a client lost so far, and how many of them bought again later, so that the call was false.
-- Choose the shortest rule whose false_loss_pct is bearable, and set client_inactivity_days to it.
with

purchases as (

    select * from {{ ref('fct_purchases') }}

),

settings as (

    select * from {{ ref('int_run_settings') }}

),

candidates as (

    {% for days in [30, 60, 90, 120, 180, 270, 365, 540] %}
    select {{ days }} as inactivity_days
    {% if not loop.last %}union all{% endif %}
    {% endfor %}

),

with_next as (

    select
        purchased_at,
        lead(purchased_at) over (
            partition by client_id
            order by purchase_number
        ) as next_purchased_at

    from purchases

),

silences as (

    select
        with_next.next_purchased_at is not null as has_ended,
        {{ microseconds_between(
            'with_next.purchased_at',
            'coalesce(with_next.next_purchased_at, settings.as_of_at)'
        ) }} / 86400000000.0 as days

    from with_next

    cross join settings

),

judged as (

    select
        candidates.inactivity_days,
        count(*) as called_lost,
        count(*) filter (where silences.has_ended) as bought_again,
        {{ ratio('count(*) filter (where silences.has_ended)', 'count(*)', 100) }} as false_loss_pct

    from candidates

    inner join silences
        on candidates.inactivity_days <= silences.days

    group by candidates.inactivity_days

)

select * from judged
order by inactivity_days
