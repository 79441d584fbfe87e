{#- the lag-1 autocorrelation, freed of its small-sample bias (Kendall 1954; Marriott and Pope 1954) -#}
{% macro autocorrelation(raw, months) -%}
    least(
            greatest(
                {{ raw }}
                + (1 + 3 * greatest({{ raw }}, 0)) / nullif({{ months }}, 0),
                0
            ),
            0.9
        )
{%- endmacro %}

{#- how much less months tell that hang together -#}
{% macro variance_factor(autocorrelation) -%}
    (1 + {{ autocorrelation }}) / (1 - {{ autocorrelation }})
{%- endmacro %}

{#- the variance of a difference at which a change is seen in 80 % of cases -#}
{% macro variance_allowed(change, quantiles, variance_factor) -%}
    {{ change }}
        * {{ change }}
        / ({{ quantiles }} * {{ quantiles }} * {{ variance_factor }})
{%- endmacro %}

{#- months before take part as their twins after come, and once all have come, only after grows -#}
{% macro months_needed(before_variance, before_months, after_variance_of_a_month, variance_allowed) -%}
    case
            when
                {{ before_variance }} * {{ before_months }} + {{ after_variance_of_a_month }}
                <= {{ variance_allowed }} * {{ before_months }}
                then
                    ({{ before_variance }} * {{ before_months }} + {{ after_variance_of_a_month }})
                    / nullif({{ variance_allowed }}, 0)
            when {{ variance_allowed }} > {{ before_variance }}
                then {{ after_variance_of_a_month }} / ({{ variance_allowed }} - {{ before_variance }})
        end
{%- endmacro %}
