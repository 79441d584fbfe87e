with ordered as (
    select
        id,
        {at},
        row_number() over (order by {at}, id) as number,
        lead({at}) over (order by {at}, id) as next_time
    from {batch}
    where row_status = 'accepted'
)
select id, {at}
from ordered
where number <= (
        select max(number)
        from ordered as before_gap
        where number <= greatest(10, 0.2 * (select count(*) from ordered as every)) and next_time > {at} + interval '365 days'
    )
    and (select count(*) from ordered as every) >= 50
