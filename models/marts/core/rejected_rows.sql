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
    {% if not loop.last %}union all{% endif %}
    {% endfor %}

)

select * from rejected
