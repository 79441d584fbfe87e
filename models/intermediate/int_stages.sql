with

dictionary as (

    select * from {{ ref('stg_bitrix24__statuses') }}

),

-- stages that rows mention but the dictionary no longer has (deleted ones) are stages all the same
mentioned as (

    {% for entity_type, column, model_name in [
        ('deal', 'stage_id', 'stg_bitrix24__deals'),
        ('deal', 'stage_id', 'stg_bitrix24__deal_stage_history'),
        ('lead', 'status_id', 'stg_bitrix24__leads'),
        ('lead', 'status_id', 'stg_bitrix24__lead_status_history'),
    ] %}
    select
        '{{ entity_type }}' as entity_type,
        {{ column }} as stage_id
    from {{ ref(model_name) }}
    {% if not loop.last %}union{% endif %}
    {% endfor %}

),

named as (

    select
        case when entity_id = 'STATUS' then 'lead' else 'deal' end as entity_type,
        upper(status_id) as stage_id,
        status_name as stage_name,
        sort_order,
        case when entity_id like 'DEAL_STAGE_%' then replace(entity_id, 'DEAL_STAGE_', '') end
            as dictionary_pipeline_id,
        coalesce(
            semantic,
            case
                when upper(replace(extra, ' ', '')) like '%"SEMANTICS":"SUCCESS"%' then 'S'
                when upper(replace(extra, ' ', '')) like '%"SEMANTICS":"FAILURE"%' then 'F'
                when upper(replace(extra, ' ', '')) like '%"SEMANTICS":"APOLOGY"%' then 'F'
                when upper(replace(extra, ' ', '')) like '%"SEMANTICS":"PROCESS"%' then 'P'
            end
        ) as semantic,
        row_number() over (
            partition by
                case when entity_id = 'STATUS' then 'lead' else 'deal' end, upper(status_id)
            order by cast(status_key as bigint) desc
        ) as newest_first

    from dictionary

    where entity_id = 'STATUS' or entity_id = 'DEAL_STAGE' or entity_id like 'DEAL_STAGE_%'

),

all_stages as (

    select
        coalesce(named.entity_type, mentioned.entity_type) as entity_type,
        coalesce(named.stage_id, mentioned.stage_id) as stage_id,
        named.stage_name,
        named.sort_order,
        named.dictionary_pipeline_id,
        named.semantic,
        -- C9:WON is the stage WON of pipeline 9, and so is DT1032_9:SUCCESS that of a smart process
        split_part(coalesce(named.stage_id, mentioned.stage_id), ':', 1) as id_prefix,
        split_part(coalesce(named.stage_id, mentioned.stage_id), ':', 2) as id_suffix

    from mentioned

    full outer join named
        on
            mentioned.entity_type = named.entity_type
            and mentioned.stage_id = named.stage_id

    where coalesce(named.newest_first, 1) = 1

),

stages as (

    select
        entity_type || '|' || stage_id as stage_key,
        entity_type,
        stage_id,
        case
            when entity_type = 'lead' then null
            when dictionary_pipeline_id is not null then dictionary_pipeline_id
            when id_prefix like 'DT%' then split_part(id_prefix, '_', 2)
            when id_suffix <> '' then replace(id_prefix, 'C', '')
            else '0'
        end as pipeline_id,
        coalesce(stage_name, stage_id) as stage_name,
        sort_order,
        case
            when semantic is not null then semantic
            when
                entity_type = 'deal'
                and coalesce(nullif(id_suffix, ''), id_prefix) in ('WON', 'SUCCESS')
                then 'S'
            when
                entity_type = 'deal'
                and coalesce(nullif(id_suffix, ''), id_prefix) in ('LOSE', 'APOLOGY', 'FAIL')
                then 'F'
            when entity_type = 'lead' and stage_id = 'CONVERTED' then 'S'
            when entity_type = 'lead' and stage_id = 'JUNK' then 'F'
            else 'P'
        end as semantic

    from all_stages

)

select * from stages
