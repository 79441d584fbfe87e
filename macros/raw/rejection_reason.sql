{#- of rows with each column as it was delivered (raw_<column>) and in its type -#}
{% macro rejection_reason(columns) %}
        case
        {%- for column in columns if column.config.meta.required %}
            when raw_{{ column.name }} is null then 'missing:{{ column.name }}'
            when {{ column.name }} is null then 'unreadable:{{ column.name }}'
            {{- out_of_range(column) }}
        {%- endfor %}
        {%- for column in columns
            if not column.config.meta.required
                and column.config.meta.raw_type in ('id', 'link', 'number', 'timestamp', 'flag') %}
            when raw_{{ column.name }} is not null and {{ column.name }} is null
            {#- '0' is a readable link to nothing; any text is readable -#}
            {%- if column.config.meta.raw_type == 'link' %} and {{ parse_id('raw_' ~ column.name) | trim }} is null {%- endif %}
                then 'unreadable:{{ column.name }}'
            {{- out_of_range(column) }}
        {%- endfor %}
        {%- for column in columns if column.config.meta.rejected_if %}
            when {{ column.name }} {{ column.config.meta.rejected_if }}
                then '{{ column.config.meta.rejection_reason }}'
        {%- endfor %}
        end
{% endmacro %}
