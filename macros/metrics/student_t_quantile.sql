{#- The cubic through the values and slopes of both ends of a segment (Hermite). -#}
{% macro student_t_quantile(segment, inverse_df, level) -%}
    {%- set width = '(' ~ segment ~ '.next_inverse_df - ' ~ segment ~ '.inverse_df)' -%}
    {%- set s = '((' ~ inverse_df ~ ' - ' ~ segment ~ '.inverse_df) / ' ~ width ~ ')' -%}
    (
            {{ segment }}.quantile_{{ level }} * (1 + 2 * {{ s }}) * (1 - {{ s }}) * (1 - {{ s }})
            + {{ segment }}.next_quantile_{{ level }} * (3 - 2 * {{ s }}) * {{ s }} * {{ s }}
            + {{ segment }}.slope_{{ level }} * {{ width }} * {{ s }} * (1 - {{ s }}) * (1 - {{ s }})
            - {{ segment }}.next_slope_{{ level }} * {{ width }} * {{ s }} * {{ s }} * (1 - {{ s }})
        )
{%- endmacro %}
