{#- what everybody may see of a value: a number, a date, a code; not what only slipped into their column -#}
{% macro shown_raw(column) -%}
    {%- set raw_type = column.config.meta.raw_type -%}
    case
        when raw_{{ column.name }} is null
        {%- if raw_type in ('id', 'owner', 'link', 'number', 'timestamp', 'flag', 'semantic') %}
            or {{ column.name }} is not null
            {%- if raw_type == 'link' %} or {{ parse_id('raw_' ~ column.name) | trim }} is not null{% endif %}
        {%- else %}
            or {{ regexp_like('raw_' ~ column.name, '^[A-Za-z0-9_:.|-]{1,40}$') }}
            and not {{ regexp_like('raw_' ~ column.name, '^[0-9.-]{10,40}$') }}
        {%- endif %}
            then raw_{{ column.name }}
        else '(hidden)'
    end
{%- endmacro %}
