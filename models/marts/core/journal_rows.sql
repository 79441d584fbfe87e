with

months as (

    select * from {{ ref('int_journal_months') }}

),

counts as (

    {% for entity in ['deals', 'requests'] %}
    select
        'journal_{{ entity }}' as raw_table,
        '{{ entity }}' as record_kind,
        count(*) as readable_rows,
        (select count(*) from {{ ref('int_journal_' ~ entity) }}) as used_rows

    from {{ ref('stg_journal__' ~ entity) }}

    having count(*) > 0
    {% if not loop.last %}union all{% endif %}
    {% endfor %}

),

months_by_kind as (

    select
        record_kind,
        sum(journal_rows) as rows_before_go_live,
        min(case when is_used then month_start end) as first_month,
        max(case when is_used then month_start end) as last_month,
        max(known_until_at) as known_until_at

    from months

    group by record_kind

),

final as (

    select
        counts.raw_table,
        counts.readable_rows,
        counts.used_rows,
        cast(counts.readable_rows - coalesce(months_by_kind.rows_before_go_live, 0) as bigint)
            as rows_after_go_live,
        cast(coalesce(months_by_kind.rows_before_go_live, 0) - counts.used_rows as bigint)
            as rows_in_months_of_the_portal,
        months_by_kind.first_month,
        months_by_kind.last_month,
        months_by_kind.known_until_at

    from counts

    left join months_by_kind
        on counts.record_kind = months_by_kind.record_kind

)

select * from final
