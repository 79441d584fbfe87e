{% macro is_history_too_short(period) -%}
    coalesce({{ period }}.period_start < history_start.settled_from_date, false)
        and not coalesce(
            {{ period }}.period_start >= history_start.journal_settled_from_date
            and {{ period }}.period_end < history_start.journal_end_date,
            false
        )
{%- endmacro %}
