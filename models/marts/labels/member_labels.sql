with

published_columns as (

    select * from {{ ref('column_labels') }}

),

labels as (

    select * from {{ ref('stg_reference__labels') }}
    where member is not null

),

metrics as (

    select * from {{ ref('stg_reference__metric_catalog') }}

),

findings as (

    select * from {{ ref('stg_reference__finding_catalog') }}

),

members as (

    select
        table_name,
        column_name,
        member,
        label_en,
        label_ru

    from labels

    union all

    select
        cast(null as {{ dbt.type_string() }}) as table_name,
        'metric_code' as column_name,
        metric_code as member,
        name_en as label_en,
        name_ru as label_ru

    from metrics

    union all

    select
        cast(null as {{ dbt.type_string() }}) as table_name,
        'finding_code' as column_name,
        finding_code as member,
        name_en as label_en,
        name_ru as label_ru

    from findings

),

final as (

    select
        published_columns.column_label_key || '|' || members.member as member_label_key,
        published_columns.table_name,
        published_columns.column_name,
        members.member,
        members.label_en,
        members.label_ru

    from published_columns

    inner join members
        on
            published_columns.column_name = members.column_name
            and coalesce(members.table_name, published_columns.table_name)
            = published_columns.table_name

)

select * from final
