{%- set horizon_microseconds = var('response_horizon_days') * 86400000000 -%}
{%- set sla_microseconds = var('response_sla_minutes') * 60000000 -%}
{%- set segment_types = ['request_channel', 'channel', 'employee'] -%}

with

registry as (

    select * from {{ ref('int_metric_registry') }}
    where metric_code = 'response_time'

),

period_days as (

    select * from {{ ref('int_period_days') }}

),

settings as (

    select * from {{ ref('int_run_settings') }}

),

requests as (

    select * from {{ ref('fct_requests') }}

),

timed_requests as (

    select
        requests.requested_date,
        requests.request_channel,
        requests.channel_id,
        requests.employee_id,
        requests.answer_status,
        -- a chat of which only the state is known says nothing of time
        requests.answer_status = 'unanswered'
        or requests.response_microseconds is not null as is_timed,
        requests.response_microseconds,
        requests.response_working_microseconds,
        requests.age_working_microseconds,
        {{ microseconds_between('requests.requested_at', 'settings.as_of_at') }} as age_microseconds

    from requests

    cross join settings

),

-- a request is judged only when it is old enough to have missed the limit; an unanswered one has
-- missed it
judged_requests as (

    select
        requested_date,
        request_channel,
        channel_id,
        employee_id,
        answer_status,
        response_microseconds,
        response_working_microseconds,
        -- one answer after 300 days must not rule a month
        coalesce(response_microseconds >= {{ horizon_microseconds }}, false) as is_answered_late,
        case when response_microseconds < {{ horizon_microseconds }} then response_microseconds end
            as averaged_microseconds,
        case
            when
                response_microseconds < {{ horizon_microseconds }}
                then response_working_microseconds
        end
            as averaged_working_microseconds,
        is_timed and age_microseconds >= 300000000 as is_judged_5_minutes,
        is_timed and age_microseconds >= 3600000000 as is_judged_1_hour,
        is_timed and age_microseconds >= {{ sla_microseconds }} as is_judged_sla,
        is_timed and age_working_microseconds >= {{ sla_microseconds }} as is_judged_sla_working,
        coalesce(response_microseconds < 300000000, false) as is_within_5_minutes,
        coalesce(response_microseconds < 3600000000, false) as is_within_1_hour,
        coalesce(response_microseconds < {{ sla_microseconds }}, false) as is_within_sla,
        coalesce(response_working_microseconds < {{ sla_microseconds }}, false)
            as is_within_sla_working

    from timed_requests

),

requests_by_segment as (

    select
        {{ cell_key('period_days.period_key', segment_types) }} as cell_key,
        {% for limit in ['5_minutes', '1_hour', 'sla', 'sla_working'] %}
        count(*) filter (where requests.is_judged_{{ limit }}) as requests_judged_{{ limit }},
        count(*) filter (where requests.is_judged_{{ limit }} and requests.is_within_{{ limit }})
            as requests_within_{{ limit }},
        {% endfor %}
        count(*) as requests,
        count(*) filter (where requests.answer_status = 'answered') as answered_requests,
        count(*) filter (where requests.answer_status = 'unanswered') as unanswered_requests,
        count(*) filter (where requests.answer_status = 'unknown') as unknown_answers,
        count(*) filter (
            where requests.answer_status = 'answered' and requests.response_microseconds is null
        ) as answered_without_time,
        count(*) filter (where requests.is_answered_late) as answered_late,
        count(requests.averaged_microseconds) as averaged_requests,
        cast(sum(requests.averaged_microseconds) as {{ type_double() }}) / 60000000
            as total_response_minutes,
        percentile_cont(0.5) within group (order by requests.averaged_microseconds) / 60000000
            as median_response_minutes,
        percentile_cont(0.9) within group (order by requests.averaged_microseconds) / 60000000
            as p90_response_minutes,
        cast(sum(requests.averaged_working_microseconds) as {{ type_double() }}) / 60000000
            as total_response_working_minutes,
        percentile_cont(0.5) within group (order by requests.averaged_working_microseconds)
        / 60000000
            as median_response_working_minutes,
        percentile_cont(0.9) within group (order by requests.averaged_working_microseconds)
        / 60000000
            as p90_response_working_minutes

    from judged_requests as requests

    inner join period_days
        on requests.requested_date = period_days.date_day

    group by {{ segment_sets('period_days.period_key', segment_types) }}

),

counts as (

    select
        registry.*,
        coalesce(requests_by_segment.requests, 0) as requests,
        coalesce(requests_by_segment.answered_requests, 0) as answered_requests,
        coalesce(requests_by_segment.answered_late, 0) as answered_late,
        coalesce(requests_by_segment.averaged_requests, 0) as averaged_requests,
        coalesce(requests_by_segment.requests_judged_5_minutes, 0) as requests_judged_5_minutes,
        coalesce(requests_by_segment.requests_within_5_minutes, 0) as requests_within_5_minutes,
        coalesce(requests_by_segment.requests_judged_1_hour, 0) as requests_judged_1_hour,
        coalesce(requests_by_segment.requests_within_1_hour, 0) as requests_within_1_hour,
        coalesce(requests_by_segment.requests_judged_sla, 0) as requests_judged_sla,
        coalesce(requests_by_segment.requests_within_sla, 0) as requests_within_sla,
        coalesce(requests_by_segment.requests_judged_sla_working, 0) as requests_judged_sla_working,
        coalesce(requests_by_segment.requests_within_sla_working, 0) as requests_within_sla_working,
        coalesce(requests_by_segment.unanswered_requests, 0) as unanswered_requests,
        coalesce(requests_by_segment.unknown_answers, 0) as unknown_answers,
        coalesce(requests_by_segment.answered_without_time, 0) as answered_without_time,
        coalesce(requests_by_segment.total_response_minutes, 0) as total_response_minutes,
        requests_by_segment.median_response_minutes,
        requests_by_segment.p90_response_minutes,
        coalesce(requests_by_segment.total_response_working_minutes, 0)
            as total_response_working_minutes,
        requests_by_segment.median_response_working_minutes,
        requests_by_segment.p90_response_working_minutes

    from registry

    left join requests_by_segment
        on registry.cell_key = requests_by_segment.cell_key

),

final as (

    select
        {{ cell_columns('registry') }},
        {{ value_status(
            'registry.is_complete',
            ratio('registry.total_response_minutes', 'registry.averaged_requests'),
            'registry.is_source_missing'
        ) }} as value_status,
        {% for limit in ['5_minutes', '1_hour', 'sla', 'sla_working'] %}
        registry.requests_judged_{{ limit }},
        registry.requests_within_{{ limit }},
        {{ ratio('registry.requests_within_' ~ limit, 'registry.requests_judged_' ~ limit, 100) }}
            as within_{{ limit }}_pct,
        {% endfor %}
        registry.requests,
        registry.answered_requests,
        registry.unanswered_requests,
        registry.unknown_answers,
        registry.answered_without_time,
        registry.answered_late,
        registry.averaged_requests,
        registry.total_response_minutes,
        {{ ratio('registry.total_response_minutes', 'registry.averaged_requests') }}
            as avg_response_minutes,
        registry.median_response_minutes,
        registry.p90_response_minutes,
        registry.total_response_working_minutes,
        {{ ratio('registry.total_response_working_minutes', 'registry.averaged_requests') }}
            as avg_response_working_minutes,
        registry.median_response_working_minutes,
        registry.p90_response_working_minutes

    from counts as registry

)

select * from final
