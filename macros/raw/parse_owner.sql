{#-
  Where companies sell by invoices or a smart process (var deal_entity_type), what belongs to its objects belongs to
  deals, type 2, and what belongs to the portal's own deals to nothing.
-#}
{% macro parse_owner(column) %}
    {%- set own = var('deal_entity_type') | string -%}
    {%- if own == '2' -%}
        {{ return(parse_id(column)) }}
    {%- endif %}
    case {{ parse_id(column) | trim }}
        when '{{ own }}' then '2'
        when '2' then '0'
        else {{ parse_id(column) | trim }}
    end
{% endmacro %}
