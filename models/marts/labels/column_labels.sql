with

published_columns as (

    select
        listed.table_name,
        listed.column_name

    from (
        values
        {% for table_name, column_name in published_columns() -%}
        ('{{ table_name }}', '{{ column_name }}'){{ ',' if not loop.last }}
        {% endfor -%}
    ) as listed (table_name, column_name)

),

labels as (

    select * from {{ ref('stg_reference__labels') }}
    where member is null

),

-- what a table calls its column comes before what every table calls it
final as (

    select
        published_columns.table_name || '|' || published_columns.column_name as column_label_key,
        published_columns.table_name,
        published_columns.column_name,
        coalesce(of_table.label_en, of_all.label_en) as label_en,
        coalesce(of_table.label_ru, of_all.label_ru) as label_ru

    from published_columns

    left join labels as of_table
        on
            published_columns.table_name = of_table.table_name
            and published_columns.column_name = of_table.column_name

    left join labels as of_all
        on
            published_columns.column_name = of_all.column_name
            and of_all.table_name is null

)

select * from final
