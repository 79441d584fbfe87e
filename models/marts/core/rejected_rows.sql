with

rejected as (

    {% for raw_table, entity in raw_tables() %}
    select
        '{{ raw_table }}' as raw_table,
        '{{ raw_table }}|' || raw_row_key as rejected_row_key,
        rejected_id as row_id,
        rejection_reason as reason,
        raw_row

    from {{ ref('base_bitrix24__' ~ entity) }}

    where row_status = 'rejected'

    union all
    {% endfor %}
    {% for entity in ['deals', 'requests'] %}
    select
        'journal_{{ entity }}' as raw_table,
        'journal_{{ entity }}|' || raw_row_key as rejected_row_key,
        rejected_id as row_id,
        rejection_reason as reason,
        raw_row

    from {{ ref('base_journal__' ~ entity) }}

    where row_status = 'rejected'
    {% if not loop.last %}union all{% endif %}
    {% endfor %}

)

select * from rejected
