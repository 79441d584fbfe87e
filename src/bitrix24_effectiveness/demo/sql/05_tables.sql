-- The raw tables other than activities and calls, in the form that the REST API delivers.

insert into bitrix24.users by name
select
    unnest(rows.id) as id,
    unnest(rows.active) as active,
    unnest(rows.name) as name,
    unnest(rows.last_name) as last_name,
    unnest(rows.work_position) as work_position,
    unnest(rows.uf_department) as uf_department,
    unnest(rows.user_type) as user_type
from (select {
    id: ['1', '11', '12', '13', '14', '15', '16', '17', '18', '19', '90'],
    active: ['true', 'true', 'true', 'true', 'true', 'true', 'true', 'false', 'true', 'true', 'true'],
    name: [
        'Ирина', 'Анна', 'Дмитрий', 'Елена', 'Сергей', 'Мария', 'Алексей', 'Павел', 'Ольга',
        'Виктор', 'Чат-бот'
    ],
    last_name: [
        'Соколова', 'Кузнецова', 'Морозов', 'Волкова', 'Лебедев', 'Новикова', 'Козлов', 'Егоров',
        'Степанова', 'Никитин', ''
    ],
    work_position: [
        'Руководитель отдела продаж', 'Старший менеджер', 'Менеджер по продажам',
        'Менеджер по продажам', 'Менеджер по продажам', 'Менеджер по продажам',
        'Менеджер по продажам', 'Менеджер по продажам', 'Менеджер по продажам', 'Кладовщик', ''
    ],
    uf_department: ['[1]', '[3]', '[3]', '[3]', '[4]', '[4]', '[4]', '[3]', '[3]', '[5]', '[]'],
    user_type: [
        'employee', 'employee', 'employee', 'employee', 'employee', 'employee', 'employee',
        'employee', 'employee', 'employee', 'bot'
    ]
} as rows);

insert into bitrix24.departments by name
select * from (values
    ('1', 'Компания'),
    ('3', 'Отдел продаж'),
    ('4', 'Отдел продаж, Казань'),
    ('5', 'Склад')
) as departments (id, name);

insert into bitrix24.crm_category by name
select * from (values
    ('0', 'Продажи', '100', 'Y'),
    ('2', 'Опт', '200', 'N'),
    ('4', 'Сервис и повторные', '300', 'N')
) as categories (id, name, sort, is_default);

insert into bitrix24.crm_currency by name
select * from (values
    ('RUB', '1', '1.0000', 'Y'),
    ('USD', '1', '79.5000', 'N'),
    ('EUR', '1', '92.4000', 'N')
) as currencies (currency, amount_cnt, amount, base);

insert into bitrix24.crm_status by name
with

stages as (

    select * from (values
        ('NEW', 'Новая', 10, ''),
        ('PREPARATION', 'Подготовка предложения', 20, ''),
        ('PREPAYMENT_INVOICE', 'Счёт на предоплату', 30, ''),
        ('EXECUTING', 'В работе', 40, ''),
        ('FINAL_INVOICE', 'Финальный счёт', 50, ''),
        ('WON', 'Сделка успешна', 60, 'S'),
        ('LOSE', 'Сделка провалена', 70, 'F'),
        ('APOLOGY', 'Анализ причины провала', 80, 'F'),
        ('UC_STOCK', 'Нет в наличии', 90, 'F'),
        ('UC_NOANSWER', 'Не дозвонились', 100, 'F'),
        ('UC_SLOW', 'Долго отвечали', 110, 'F'),
        ('UC_PRICE', 'Дорого', 120, 'F'),
        ('UC_COMPETITOR', 'Выбрали конкурента', 130, 'F')
    ) as stages (status_id, name, sort, semantics)

),

others as (

    select * from (values
        ('STATUS', 'NEW', 'Не обработан', 10, ''),
        ('STATUS', 'IN_PROCESS', 'В работе', 20, ''),
        ('STATUS', 'PROCESSED', 'Обработан', 30, ''),
        ('STATUS', 'CONVERTED', 'Качественный лид', 40, 'S'),
        ('STATUS', 'JUNK', 'Некачественный лид', 50, 'F'),
        ('STATUS', 'UC_NOANSWER', 'Не дозвонились', 60, 'F'),
        ('STATUS', 'UC_PRICE', 'Дорого', 70, 'F'),
        ('STATUS', 'UC_SPAM', 'Спам', 80, 'F'),
        ('STATUS', 'UC_DUPLICATE', 'Дубль', 90, 'F'),
        ('STATUS', 'UC_TEST', 'Тестовый лид', 100, 'F'),
        ('SOURCE', 'CALL', 'Звонок', 10, ''),
        ('SOURCE', 'EMAIL', 'Электронная почта', 20, ''),
        ('SOURCE', 'WEB', 'Веб-сайт', 30, ''),
        ('SOURCE', 'ADVERTISING', 'Реклама', 40, ''),
        ('SOURCE', 'PARTNER', 'Партнёр', 50, ''),
        ('SOURCE', 'RECOMMENDATION', 'По рекомендации', 60, ''),
        ('SOURCE', 'TRADE_SHOW', 'Выставка', 70, ''),
        ('SOURCE', 'WEBFORM', 'CRM-форма', 80, ''),
        ('SOURCE', 'CALLBACK', 'Обратный звонок', 90, ''),
        ('SOURCE', 'RC_GENERATOR', 'Генератор продаж', 100, ''),
        ('SOURCE', '1|TELEGRAM', 'Telegram - Открытая линия', 110, ''),
        ('SOURCE', '2|WHATSAPP', 'WhatsApp - Открытая линия', 120, ''),
        ('SOURCE', 'UC_AVITO', 'Авито', 130, '')
    ) as others (entity_id, status_id, name, sort, semantics)

),

unioned as (

    select
        entity_id,
        status_id,
        name,
        sort,
        semantics,
        0 as category_id
    from others

    union all

    select
        case when categories.id = 0 then 'DEAL_STAGE' else 'DEAL_STAGE_' || categories.id end,
        stage_of(categories.id, stages.status_id),
        stages.name,
        stages.sort,
        stages.semantics,
        categories.id
    from stages
    cross join (values (0), (2), (4)) as categories (id)
    where categories.id = 0 or stages.status_id <> 'FINAL_INVOICE'

)

select
    cast(row_number() over (order by entity_id, sort) as varchar) as id,
    entity_id,
    status_id,
    name,
    cast(sort as varchar) as sort,
    semantics,
    cast(category_id as varchar) as category_id,
    '{"SEMANTICS":"' || case
        when semantics = 'S' then 'success'
        when semantics = 'F' and status_id like '%APOLOGY' then 'apology'
        when semantics = 'F' then 'failure'
        else 'process'
    end || '"}' as extra
from unioned;

insert into bitrix24.crm_company by name
select
    cast(client_id as varchar) as id,
    cast(employee_id as varchar) as assigned_by_id,
    as_text(created_at) as date_create,
    as_text(created_at) as date_modify,
    flag(uniform(client_no, 200) < planted(0.80, 0.95, created_at)) as has_phone,
    flag(uniform(client_no, 201) < planted(0.60, 0.85, created_at)) as has_email
from plan_clients
where is_company;

insert into bitrix24.crm_contact by name
select
    cast(client_id * 2 + person_no as varchar) as id,
    cast(case when is_company then client_id else 0 end as varchar) as company_id,
    cast(employee_id as varchar) as assigned_by_id,
    as_text(created_at) as date_create,
    as_text(created_at) as date_modify,
    flag(uniform(client_no * 2 + person_no, 202) < planted(0.85, 0.97, created_at)) as has_phone,
    flag(uniform(client_no * 2 + person_no, 203) < planted(0.60, 0.85, created_at)) as has_email
from plan_clients
cross join range(2) as people (person_no)
-- companies have a second person in three of ten cases
where person_no = 0 or (is_company and uniform(client_no, 204) < 0.3);

create or replace temp macro price(amount_rub, currency_id) as
    case currency_id
        when 'USD' then round((amount_rub) / 88)
        when 'EUR' then round((amount_rub) / 96)
        else amount_rub
    end;

insert into bitrix24.crm_lead by name
select
    cast(cases.lead_id as varchar) as id,
    leads.status_id,
    leads.semantic_id as status_semantic_id,
    cases.source_id,
    printf('%.2f', price(
        case when cases.is_deal then cases.amount_rub else 0 end, cases.currency_id
    )) as opportunity,
    cases.currency_id,
    cast(case
        when cases.is_company and links.is_linked then clients.client_id else 0
    end as varchar) as company_id,
    cast(case when links.is_linked then clients.client_id * 2 else 0 end as varchar) as contact_id,
    cast(cases.employee_id as varchar) as assigned_by_id,
    as_text(cases.lead_created_at) as date_create,
    as_text(least(leads.moved_at + 30, getvariable('end_second') - 1)) as date_modify,
    case when leads.semantic_id <> 'P' then as_text(leads.moved_at) else '' end as date_closed,
    as_text(leads.moved_at) as moved_time,
    flag(links.is_linked) as is_return_customer,
    flag(cases.touch_kind in ('call', 'form', 'creation', 'none')
        or uniform(cases.case_key, 210) < 0.6) as has_phone,
    flag(cases.touch_kind in ('email', 'form')
        or uniform(cases.case_key, 211) < 0.4) as has_email,
    case
        when cases.source_id = 'ADVERTISING' then 'yandex'
        when cases.source_id = 'WEB' and uniform(cases.case_key, 212) < 0.5 then 'vk'
        else ''
    end as utm_source,
    case when cases.source_id = 'ADVERTISING' then 'cpc' else '' end as utm_medium,
    case
        when cases.source_id = 'ADVERTISING'
            then list_extract(['brand', 'catalog', 'retarget'], cast(cases.case_key % 3 + 1 as integer))
        else ''
    end as utm_campaign

from plan_cases as cases

inner join plan_leads as leads
    on cases.lead_id = leads.lead_id

left join plan_clients as clients
    on cases.client_no = clients.client_no

-- known clients, and those who became clients by the conversion
cross join lateral (
    select
        clients.client_id is not null
        and (cases.attempt > 0 or cases.deal_id is not null)
        and not cases.is_without_client as is_linked
) as links;

insert into bitrix24.crm_lead_status_history by name
select
    cast(lead_id * 4 + step_no as varchar) as id,
    cast(type_id as varchar) as type_id,
    cast(lead_id as varchar) as owner_id,
    as_text(happened_at) as created_time,
    status_id,
    semantic_id as status_semantic_id
from plan_lead_events
-- a few leads are older than the recording of histories
where uniform(lead_id, 220) >= 0.005;

insert into bitrix24.crm_deal by name
select
    cast(cases.deal_id as varchar) as id,
    deals.stage_id,
    deals.semantic_id as stage_semantic_id,
    cast(deals.category_id as varchar) as category_id,
    printf('%.2f', price(cases.amount_rub, cases.currency_id)) as opportunity,
    cases.currency_id,
    -- the company is often known through the contact alone
    cast(case
        when
            cases.is_company
            and not cases.is_without_client
            and uniform(cases.case_key, 230) < 0.85 then clients.client_id
        else 0
    end as varchar) as company_id,
    cast(case
        when cases.is_without_client then 0
        when
            cases.is_company
            and uniform(cases.client_no, 204) < 0.3
            and uniform(cases.case_key, 231) < 0.4 then clients.client_id * 2 + 1
        else clients.client_id * 2
    end as varchar) as contact_id,
    cast(coalesce(cases.lead_id, 0) as varchar) as lead_id,
    cases.source_id,
    cast(cases.employee_id as varchar) as assigned_by_id,
    cast(cases.employee_id as varchar) as created_by_id,
    'SALE' as type_id,
    as_text(day_of(cases.deal_created_at) * 86400 + 10800) as begindate,
    as_text(
        day_of(coalesce(
            case when deals.semantic_id <> 'P' then deals.moved_at end,
            cases.deal_created_at + 30 * 86400
        )) * 86400 + 10800
    ) as closedate,
    as_text(least(deals.moved_at + 60, getvariable('end_second') - 1)) as date_modify,
    as_text(deals.moved_at) as moved_time,
    as_text(cases.deal_created_at) as date_create,
    flag(deals.semantic_id <> 'P') as closed,
    'N' as is_recurring,
    flag(cases.attempt > 0) as is_return_customer,
    flag(cases.attempt > 0 and uniform(cases.case_key, 232) < 0.5) as is_repeated_approach,
    case
        when cases.source_id = 'ADVERTISING' then 'yandex'
        when cases.source_id = 'WEB' and uniform(cases.case_key, 212) < 0.5 then 'vk'
        else ''
    end as utm_source,
    case when cases.source_id = 'ADVERTISING' then 'cpc' else '' end as utm_medium,
    case
        when cases.source_id = 'ADVERTISING'
            then list_extract(['brand', 'catalog', 'retarget'], cast(cases.case_key % 3 + 1 as integer))
        else ''
    end as utm_campaign

from plan_cases as cases

inner join plan_deals as deals
    on cases.deal_id = deals.deal_id

inner join plan_clients as clients
    on cases.client_no = clients.client_no;

insert into bitrix24.crm_deal_stage_history by name
select
    cast(deal_id * 16 + step_no as varchar) as id,
    cast(type_id as varchar) as type_id,
    cast(deal_id as varchar) as owner_id,
    as_text(happened_at) as created_time,
    cast(category_id as varchar) as category_id,
    stage_id,
    semantic_id as stage_semantic_id
from plan_deal_events
where uniform(deal_id, 221) >= 0.005;

insert into bitrix24.tasks by name
with

planned as (

    select
        cases.deal_id * 4 + task_no as task_id,
        cases.deal_id,
        cases.employee_id,
        to_working_time(
            cast(cases.deal_created_at + 86400 * (1 + 4 * task_no) as bigint)
        ) as created_at

    from plan_cases as cases

    cross join range(2) as numbers (task_no)

    where
        cases.deal_id is not null
        and not cases.is_backfilled
        and uniform(cases.case_key * 4 + task_no, 240) < 0.6

),

timed as (

    select
        *,
        created_at + 86400 * (1 + cast(floor(3 * uniform(task_id, 241)) as bigint)) as deadline_at,
        uniform(task_id, 242) < planted(0.62, 0.86, created_at) as is_in_time,
        uniform(task_id, 243) < 0.95 as is_done

    from planned

    where created_at < getvariable('end_second')

),

closed as (

    select
        *,
        case
            when not is_done then null
            when is_in_time
                then created_at + cast(uniform(task_id, 244) * (deadline_at - created_at) as bigint)
            else deadline_at + cast(86400 * lognormal(3, 0.8, task_id, 245) as bigint)
        end as closed_at

    from timed

)

select
    cast(task_id as varchar) as id,
    case
        when closed_at < getvariable('end_second') then '5'
        when uniform(task_id, 246) < 0.5 then '2'
        when uniform(task_id, 246) < 0.9 then '3'
        when uniform(task_id, 246) < 0.96 then '4'
        else '6'
    end as status,
    as_text(created_at) as created_date,
    case when closed_at < getvariable('end_second') then as_text(closed_at) else '' end
        as closed_date,
    -- one task in twenty has no deadline
    case when uniform(task_id, 247) < 0.95 then as_text(deadline_at) else '' end as deadline,
    cast(employee_id as varchar) as responsible_id,
    case when uniform(task_id, 248) < planted(0.1, 0.7, created_at) then '0' else '1' end
        as created_by,
    '["D_' || deal_id || '"]' as uf_crm_task
from closed;

-- The night after: robots greet the newest leads in the first minutes of November 2026. They are
-- the newest rows of the portal, so October is a complete month.
insert into bitrix24.crm_activity by name
select
    cast((select max(case_no) from plan_cases) * 64 + 64 + lead_rank as varchar) as id,
    cast(lead_id as varchar) as owner_id,
    '1' as owner_type_id,
    '6' as type_id,
    'CRM_SMS' as provider_id,
    '' as provider_type_id,
    '2' as direction,
    as_text(getvariable('end_second') + 60 * lead_rank) as created,
    as_text(getvariable('end_second') + 60 * lead_rank) as start_time,
    as_text(getvariable('end_second') + 60 * lead_rank) as end_time,
    '' as deadline,
    as_text(getvariable('end_second') + 60 * lead_rank) as last_updated,
    'Y' as completed,
    cast(employee_id as varchar) as responsible_id,
    '0' as author_id,
    'N' as is_incoming_channel
from (
    select
        lead_id,
        employee_id,
        row_number() over (order by lead_id desc) as lead_rank
    from plan_cases
    where lead_id is not null
    qualify lead_rank <= 5
);
