{% macro parse_timestamp(column) %}
    case
        when not {{ matches(column, '^[0-9]{4}-[0-9]{2}-[0-9]{2}') }} then null
        when {{ matches(column, ':[0-9]{2}.*(Z|[+-][0-9]{2}(:?[0-9]{2})?)$') }}
            then {{ try_cast(column, 'timestamptz') }} at time zone 'UTC'
        else {{ to_utc(try_cast(column, 'timestamp'), var('portal_timezone')) }}
    end
{% endmacro %}
