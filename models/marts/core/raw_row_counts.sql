with

fates as (

    {% for raw_table, entity in raw_tables() %}
    select
        '{{ raw_table }}' as raw_table,
        -- as many as there are in the raw table, which a test of the base models proves
        count(*) as raw_rows,
        (select count(*) from {{ ref('stg_bitrix24__' ~ entity) }}) as staged_rows,
        count(*) filter (where row_status = 'rejected') as rejected_rows,
        count(*) filter (where row_status = 'superseded') as superseded_rows

    from {{ ref('base_bitrix24__' ~ entity) }}

    union all
    {% endfor %}
    -- not of a company that keeps no journal
    {% for entity in ['deals', 'requests'] %}
    select
        'journal_{{ entity }}' as raw_table,
        count(*) as raw_rows,
        (select count(*) from {{ ref('stg_journal__' ~ entity) }}) as staged_rows,
        count(*) filter (where row_status = 'rejected') as rejected_rows,
        count(*) filter (where row_status = 'superseded') as superseded_rows

    from {{ ref('base_journal__' ~ entity) }}

    having count(*) > 0
    {% if not loop.last %}union all{% endif %}
    {% endfor %}

)

select * from fates
