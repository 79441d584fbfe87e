"""A portal of few rows and very many members: what grows with their square shows here."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import duckdb

from oracle.reading import COLUMNS


@dataclass(frozen=True)
class Width:
    """How many members a portal has, and how far it reaches back."""

    employees: int
    sources: int
    pipelines: int
    years: int
    # texts of ten megabytes in a column that is read, twenty rows apart
    huge_texts: int = 0


HUGE = 10_000_000


def write_wide_portal(path: Path, width: Width) -> None:
    """Every employee, source and pipeline has something to do; half of the deals are won."""
    w = width
    leads = 2 * max(w.employees, w.sources)
    statements = f"""
        create schema bitrix24;
        create table bitrix24.users as
        select cast(i as varchar) as id, 'Y' as active, 'Name' as name, 'No ' || i as last_name,
            'Sales' as work_position, '[1]' as uf_department, 'employee' as user_type
        from range(1, {w.employees + 1}) as t(i);

        create table bitrix24.crm_category as
        select cast(i as varchar) as id, 'Pipeline ' || i as name, cast(i as varchar) as sort,
            case when i = 0 then 'Y' else 'N' end as is_default
        from range({w.pipelines}) as t(i);

        create table bitrix24.crm_status as
        select cast(row_number() over () as varchar) as id, *
        from (
            select 'SOURCE' as entity_id, 'S' || i as status_id, 'Source ' || i as name,
                cast(i as varchar) as sort, cast(null as varchar) as semantics,
                cast(null as varchar) as category_id, cast(null as varchar) as extra
            from range({w.sources}) as t(i)
            union all
            select 'STATUS', code, code, '10', semantics, null, null
            from (values ('NEW', null), ('CONVERTED', 'S'), ('JUNK', 'F')) as s(code, semantics)
            union all
            select case when i = 0 then 'DEAL_STAGE' else 'DEAL_STAGE_' || i end,
                case when i = 0 then code else 'C' || i || ':' || code end,
                code, cast(sort as varchar), semantics, cast(i as varchar), null
            from range({w.pipelines}) as t(i),
                (values ('NEW', 10, null), ('WON', 20, 'S'), ('LOSE', 30, 'F'))
                as s(code, sort, semantics)
        ) as every;

        create table bitrix24.crm_currency as
        select 'RUB' as currency, '1' as amount_cnt, '1' as amount, 'Y' as base;

        create temp table lead as
        select i,
            date_trunc('second', timestamp '2025-06-01' - to_seconds(
                i * {w.years * 365.25 * 86400 / leads}
            )) as made_at
        from range({leads}) as t(i);
        create table bitrix24.crm_lead as
        select cast(i as varchar) as id, case when i % 2 = 0 then 'CONVERTED' else 'JUNK' end
                as status_id,
            cast(made_at as varchar) as date_create, 'S' || i % {w.sources} as source_id,
            cast(i % {w.employees} + 1 as varchar) as assigned_by_id,
            cast(made_at + interval 3 day as varchar) as date_modify,
            cast(i as varchar) as contact_id,
            case when i < {w.huge_texts} * 20 and i % 20 = 0 then repeat('x', {HUGE}) end
                as utm_campaign
        from lead;

        create temp table deal as
        select i, (i * 7919) % {leads} as lead_id, i % {w.pipelines}
                as pipeline
        from range({max(w.pipelines, leads)}) as t(i);
        create table bitrix24.crm_deal as
        select cast(deal.i as varchar) as id,
            case when pipeline = 0 then '' else 'C' || pipeline || ':' end
                || case when deal.i % 2 = 0 then 'WON' else 'LOSE' end as stage_id,
            cast(pipeline as varchar) as category_id, cast(made_at as varchar) as date_create,
            cast(100 + deal.i % 1000 as varchar) as opportunity, 'RUB' as currency_id,
            cast(lead_id as varchar) as lead_id, cast(lead_id as varchar) as contact_id,
            'S' || lead_id % {w.sources} as source_id,
            cast(deal.i % {w.employees} + 1 as varchar) as assigned_by_id,
            cast(made_at + interval 9 day as varchar) as date_modify,
            cast(made_at + interval 9 day as varchar) as moved_time
        from deal inner join lead on lead.i = deal.lead_id;

        create table bitrix24.crm_deal_stage_history as
        select cast(2 * i + step as varchar) as id, cast(step + 1 as varchar) as type_id,
            cast(i as varchar) as owner_id,
            cast(made_at + to_days(cast(9 * step as integer)) as varchar) as created_time,
            cast(pipeline as varchar) as category_id,
            case when pipeline = 0 then '' else 'C' || pipeline || ':' end
                || case when step = 0 then 'NEW' when i % 2 = 0 then 'WON' else 'LOSE' end
                as stage_id
        from (select deal.*, made_at from deal inner join lead on lead.i = deal.lead_id) as deal,
            range(2) as s(step);

        create table bitrix24.crm_activity as
        select cast(2 * i + step as varchar) as id, cast(i as varchar) as owner_id,
            '1' as owner_type_id, '4' as type_id, 'CRM_EMAIL' as provider_id,
            cast(1 + step as varchar) as direction, 'Y' as completed,
            cast(made_at + to_hours(cast(step as integer)) as varchar) as created,
            cast(i % {w.employees} + 1 as varchar) as responsible_id,
            cast(i % {w.employees} + 1 as varchar) as author_id
        from lead, range(2) as s(step);
    """
    with duckdb.connect(str(path), config={"memory_limit": "1GB", "threads": 1}) as connection:
        connection.execute(statements)
        for table, columns in COLUMNS.items():
            connection.execute(f"create table if not exists bitrix24.{table} (id varchar)")
            for column in columns:
                connection.execute(
                    f"alter table bitrix24.{table} add column if not exists {column} varchar"
                )
