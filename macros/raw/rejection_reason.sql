{% macro rejection_reason(columns) %}
        case
        {%- for column in columns if column.config.meta.required %}
            when raw_{{ column.name }} is null then 'missing:{{ column.name }}'
            when {{ parse_value('raw_' ~ column.name, column.config.meta.raw_type) }} is null
                then 'unreadable:{{ column.name }}'
            {{- out_of_range(column) }}
        {%- endfor %}
        {#- '0' is a readable link to nothing, so a link is judged as an id; any text is readable -#}
        {%- set readable_as = {'id': 'id', 'link': 'id', 'number': 'number', 'timestamp': 'timestamp', 'flag': 'flag'} %}
        {%- for column in columns
            if not column.config.meta.required and column.config.meta.raw_type in readable_as %}
            when raw_{{ column.name }} is not null
                and {{ parse_value('raw_' ~ column.name, readable_as[column.config.meta.raw_type]) }} is null
                then 'unreadable:{{ column.name }}'
            {{- out_of_range(column) }}
        {%- endfor %}
        {%- for column in columns if column.config.meta.rejected_if %}
            when {{ parse_value('raw_' ~ column.name, column.config.meta.raw_type) }} {{ column.config.meta.rejected_if }}
                then '{{ column.config.meta.rejection_reason }}'
        {%- endfor %}
        end
{% endmacro %}
