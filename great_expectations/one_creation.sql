select count(*) as keys_of_two
from (
    select id
    from {batch}
    where rejection_reason is null
        and id in (select id from {batch} where row_status = 'superseded')
    group by id
    having min({at}) < max({at})
) as of_two
having count(*) >= 10
    and count(*) > 0.01 * (select count(*) from {batch} where row_status = 'accepted')
