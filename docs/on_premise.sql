-- Views of an on-premise Bitrix24's MySQL (or MariaDB) database in the names of models/staging/bitrix24/_sources.yml.
-- Names, phones, e-mails, subjects and comments of clients are in none of them. How to use it: docs/loading.md.
-- `sitemanager` is the database of the BitrixVM; put the name of yours.

create database if not exists crm_effect;
use crm_effect;

create or replace view crm_deal as
select
    d.id, d.stage_id, d.date_create, d.category_id, d.stage_semantic_id, d.opportunity, d.currency_id, d.company_id,
    d.contact_id, d.lead_id, d.source_id, d.assigned_by_id, d.created_by_id, d.type_id, d.begindate, d.closedate,
    d.date_modify, d.moved_time, d.closed, d.is_recurring, d.is_return_customer, d.is_repeated_approach,
    (select max(u.value) from sitemanager.b_crm_utm as u
        where u.entity_type_id = 2 and u.entity_id = d.id and u.code = 'UTM_SOURCE') as utm_source,
    (select max(u.value) from sitemanager.b_crm_utm as u
        where u.entity_type_id = 2 and u.entity_id = d.id and u.code = 'UTM_MEDIUM') as utm_medium,
    (select max(u.value) from sitemanager.b_crm_utm as u
        where u.entity_type_id = 2 and u.entity_id = d.id and u.code = 'UTM_CAMPAIGN') as utm_campaign
from sitemanager.b_crm_deal as d;

create or replace view crm_lead as
select
    l.id, l.status_id, l.date_create, l.status_semantic_id, l.source_id, l.opportunity, l.currency_id, l.company_id,
    l.contact_id, l.assigned_by_id, l.created_by_id, l.date_modify, l.date_closed, l.moved_time, l.is_return_customer,
    l.has_phone, l.has_email,
    (select max(u.value) from sitemanager.b_crm_utm as u
        where u.entity_type_id = 1 and u.entity_id = l.id and u.code = 'UTM_SOURCE') as utm_source,
    (select max(u.value) from sitemanager.b_crm_utm as u
        where u.entity_type_id = 1 and u.entity_id = l.id and u.code = 'UTM_MEDIUM') as utm_medium,
    (select max(u.value) from sitemanager.b_crm_utm as u
        where u.entity_type_id = 1 and u.entity_id = l.id and u.code = 'UTM_CAMPAIGN') as utm_campaign
from sitemanager.b_crm_lead as l;

create or replace view crm_contact as
select id, company_id, assigned_by_id, date_create, date_modify, has_phone, has_email
from sitemanager.b_crm_contact;

create or replace view crm_company as
select id, assigned_by_id, date_create, date_modify, has_phone, has_email
from sitemanager.b_crm_company;

create or replace view crm_deal_stage_history as
select id, type_id, owner_id, created_time, category_id, stage_id, stage_semantic_id
from sitemanager.b_crm_deal_stage_history;

create or replace view crm_lead_status_history as
select id, type_id, owner_id, created_time, status_id, status_semantic_id
from sitemanager.b_crm_lead_status_history;

create or replace view crm_activity as
select
    a.id, a.owner_id, a.owner_type_id, a.type_id, a.provider_id, a.provider_type_id, a.direction, a.created,
    a.start_time, a.end_time, a.deadline, a.last_updated, a.completed, a.responsible_id, a.author_id,
    case
        when exists (select 1 from sitemanager.b_crm_act_incoming_channel as c where c.activity_id = a.id) then 'Y'
        else 'N'
    end as is_incoming_channel,
    a.result_status, a.associated_entity_id, a.result_source_id
from sitemanager.b_crm_act as a;

-- a session of an open line has the messages of its chat from one id to another, 0 while it lasts; what is written in
-- them is not taken. Without the module of open lines leave this view out
create or replace view openline_message as
select
    m.id, s.id as session_id, m.date_create as sent_at, m.author_id as sender_id,
    case
        when m.author_id = 0 then 'system'
        when u.external_auth_id = 'imconnector' then 'client'
        when u.external_auth_id = 'bot' then 'bot'
        when u.id is not null then 'operator'
    end as sender_kind
from sitemanager.b_imopenlines_session as s
inner join sitemanager.b_im_message as m
    on m.chat_id = s.chat_id and m.id >= s.start_id and (m.id <= s.end_id or s.end_id = 0)
left join sitemanager.b_user as u on u.id = m.author_id;

create or replace view telephony_call as
select
    id, incoming as call_type, call_duration, call_start_date, call_failed_code, portal_user_id, crm_entity_type,
    crm_entity_id, crm_activity_id
from sitemanager.b_voximplant_statistic;

create or replace view crm_status as
select id, entity_id, status_id, name, sort, semantics, category_id
from sitemanager.b_crm_status;

-- the default pipeline is no row of its table
create or replace view crm_category as
select
    0 as id,
    (select max(o.value) from sitemanager.b_option as o
        where o.module_id = 'crm' and o.name = 'default_deal_category_name') as name,
    0 as sort,
    'Y' as is_default
union all
select id, name, sort, 'N'
from sitemanager.b_crm_deal_category;

create or replace view crm_currency as
select currency, amount_cnt, amount, base
from sitemanager.b_catalog_currency;

-- who has no department is a guest of the portal
create or replace view users as
select
    u.id, u.active, u.name, u.last_name, u.work_position, f.uf_department,
    case
        when u.external_auth_id in ('bot', 'email', 'imconnector', 'replica', 'controller', 'sale', 'saleanonymous',
            'shop', 'call', 'document_editor', 'calendar_sharing') then u.external_auth_id
        when coalesce(f.uf_department, '') in ('', 'a:0:{}') then 'extranet'
        else 'employee'
    end as user_type
from sitemanager.b_user as u
left join sitemanager.b_uts_user as f on f.value_id = u.id;

-- older versions keep deleted tasks: there, add  where t.zombie = 'N'
create or replace view tasks as
select
    t.id, t.status, t.created_date, t.closed_date, t.deadline, t.responsible_id, t.created_by, f.uf_crm_task
from sitemanager.b_tasks as t
left join sitemanager.b_uts_tasks_task as f on f.value_id = t.id;
