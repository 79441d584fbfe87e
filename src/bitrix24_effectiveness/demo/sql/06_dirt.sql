-- Dirt: for each kind, dirt_rate of the rows of the table (at least one row), as rows of their
-- own, so that the planted figures stay what they are. Then pages delivered twice.

set variable dirty_leads = (
    select greatest(1, cast(round(count(*) * getvariable('dirt_rate')) as bigint))
    from bitrix24.crm_lead
);
set variable dirty_deals = (
    select greatest(1, cast(round(count(*) * getvariable('dirt_rate')) as bigint))
    from bitrix24.crm_deal
);
set variable dirty_activities = (
    select greatest(1, cast(round(count(*) * getvariable('dirt_rate')) as bigint))
    from bitrix24.crm_activity
);

-- leads without a creation date
insert into bitrix24.crm_lead by name
select
    * exclude (dirt_no, row_no)
    replace (cast(9000000000 + dirt_no as varchar) as id, '' as date_create)
from (
    select
        *,
        cast(id as bigint) as row_no
    from bitrix24.crm_lead
) as leads
inner join range(getvariable('dirty_leads')) as dirt (dirt_no)
    on leads.row_no = dirt.dirt_no * 499 % (select count(*) from plan_leads) + 1;

-- deals with an amount that is no number
insert into bitrix24.crm_deal by name
select
    * exclude (dirt_no, row_no) replace (
        cast(9000000000 + dirt_no as varchar) as id,
        case when dirt_no % 2 = 0 then 'по договорённости' else '12 500,00 руб.' end as opportunity
    )
from (
    select
        *,
        cast(id as bigint) as row_no
    from bitrix24.crm_deal
) as deals
inner join range(getvariable('dirty_deals')) as dirt (dirt_no)
    on deals.row_no = dirt.dirt_no * 499 % (select count(*) from plan_deals) + 1
where deals.row_no < 9000000000;

-- templates of recurring deals
insert into bitrix24.crm_deal by name
select
    * exclude (dirt_no, row_no) replace (
        cast(9100000000 + dirt_no as varchar) as id,
        'Y' as is_recurring
    )
from (
    select
        *,
        cast(id as bigint) as row_no
    from bitrix24.crm_deal
) as deals
inner join range(getvariable('dirty_deals')) as dirt (dirt_no)
    on deals.row_no = (dirt.dirt_no * 499 + 7) % (select count(*) from plan_deals) + 1
where deals.row_no < 9000000000;

-- activities of invoices and smart processes, which no metric reads
insert into bitrix24.crm_activity by name
select
    * exclude (row_no) replace (
        cast(900000000000 + row_no as varchar) as id,
        case when row_no % 2 = 0 then '31' else '1036' end as owner_type_id
    )
from (
    select
        *,
        cast(id as bigint) as row_no
    from bitrix24.crm_activity
    order by hash(hash(getvariable('seed'), id)), id
    limit getvariable('dirty_activities')
) as activities;

-- A loader that retries delivers pages twice. Every other page comes in an older version as
-- well, from before the last change: the newest must win.
create or replace temp macro is_page_repeated(page_no, salt) as
    page_no = 0 or uniform(page_no, salt) < getvariable('page_duplicate_rate');

create or replace temp macro an_hour_before(text_time) as
    as_text(epoch(strptime(text_time[1:19], '%Y-%m-%dT%H:%M:%S'))::bigint - 3600);

insert into bitrix24.crm_lead by name
select
    * exclude (page_no) replace (
        case when page_no % 2 = 0 then date_modify else an_hour_before(date_modify) end
            as date_modify,
        case when page_no % 2 = 0 then assigned_by_id else '1' end as assigned_by_id
    )
from (
    select
        *,
        cast(floor(cast(id as bigint) / 50) as bigint) as page_no
    from bitrix24.crm_lead
) as pages
where is_page_repeated(page_no, 300);

insert into bitrix24.crm_deal by name
select
    * exclude (page_no) replace (
        case when page_no % 2 = 0 then date_modify else an_hour_before(date_modify) end
            as date_modify,
        case when page_no % 2 = 0 then opportunity else '1.00' end as opportunity
    )
from (
    select
        *,
        cast(floor(cast(id as bigint) / 50) as bigint) as page_no
    from bitrix24.crm_deal
) as pages
where is_page_repeated(page_no, 301);

-- about fifty activities lie between two ids that are 360 apart
insert into bitrix24.crm_activity by name
select
    * exclude (page_no) replace (
        case when page_no % 2 = 0 then last_updated else an_hour_before(last_updated) end
            as last_updated,
        case when page_no % 2 = 0 then completed else 'N' end as completed
    )
from (
    select
        *,
        cast(floor(cast(id as bigint) / 360) as bigint) as page_no
    from bitrix24.crm_activity
) as pages
where is_page_repeated(page_no, 302);
