with

counts as (

    {% for raw_table, entity in raw_tables() %}
    select
        '{{ raw_table }}' as raw_table,
        {{ raw_row_count(raw_table) }} as raw_rows,
        count(*) as base_rows

    from {{ ref('base_bitrix24__' ~ entity) }}

    union all
    {% endfor %}
    {% for entity in ['deals', 'requests'] %}
    select
        'journal_{{ entity }}' as raw_table,
        {{ raw_row_count('journal_' ~ entity) }} as raw_rows,
        count(*) as base_rows

    from {{ ref('base_journal__' ~ entity) }}
    {% if not loop.last %}union all{% endif %}
    {% endfor %}

)

select * from counts
where raw_rows <> base_rows
