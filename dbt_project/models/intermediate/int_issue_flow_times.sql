with

issues as (

    select
        issue_id,
        state_category,
        created_at,
        resolved_at,
        is_resolved,
        is_missing
    from {{ ref('int_issues') }}

),

lead_times as (

    select
        issue_id,
        is_done,
        started_at
    from {{ ref('int_issue_lead_times') }}

),

state_visits as (

    select
        issue_id,
        state_category,
        entered_at,
        left_at
    from {{ ref('int_issue_state_visits') }}

),

resolutions as (

    select
        issue_id,
        is_resolved,
        valid_to
    from {{ ref('int_issue_resolutions') }}

),

work_days as (

    select
        date,
        opens_at,
        closes_at,
        seconds_before
    from {{ ref('int_work_days') }}

),

spans as (

    select
        issues.issue_id,
        issues.created_at,
        lead_times.started_at,
        issues.resolved_at,
        coalesce(issues.resolved_at, {{ as_of() }}) as end_at,
        lead_times.is_done,
        not issues.is_resolved and not issues.is_missing as is_open,
        not issues.is_resolved
        and not issues.is_missing
        and lead_times.started_at is not null
        and issues.state_category in ('in_progress', 'waiting') as is_wip
    from issues
    inner join lead_times on issues.issue_id = lead_times.issue_id

),

work_times as (

    select
        spans.issue_id,
        case
            when spans.resolved_at >= spans.created_at
                then
                    {{ work_seconds_until('spans.resolved_at', 'resolution_day') }}
                    - {{ work_seconds_until('spans.created_at', 'creation_day') }}
        end as lead_seconds,
        case
            when spans.resolved_at >= spans.started_at
                then
                    {{ work_seconds_until('spans.resolved_at', 'resolution_day') }}
                    - {{ work_seconds_until('spans.started_at', 'start_day') }}
        end as cycle_seconds
    from spans
    inner join work_days as resolution_day
        on {{ reporting_date('spans.resolved_at') }} = resolution_day.date
    inner join work_days as creation_day
        on {{ reporting_date('spans.created_at') }} = creation_day.date
    left join work_days as start_day
        on {{ reporting_date('spans.started_at') }} = start_day.date
    where spans.is_done

),

-- Of each visit, what lies between the start and the end.
visit_seconds as (

    select
        state_visits.issue_id,
        state_visits.state_category,
        greatest(
            extract(
                epoch from
                least(state_visits.left_at, spans.end_at)
                - greatest(state_visits.entered_at, spans.started_at)
            ),
            0
        ) as seconds
    from state_visits
    inner join spans on state_visits.issue_id = spans.issue_id
    where spans.started_at <= spans.end_at

),

flow_times as (

    select
        issue_id,
        coalesce(sum(seconds) filter (where state_category = 'in_progress'), 0) as active_seconds,
        sum(seconds) as seconds
    from visit_seconds
    group by issue_id

),

open_visits as (

    select
        issue_id,
        entered_at
    from state_visits
    where left_at is null

),

reopenings as (

    select
        issue_id,
        count(*) as reopened_count
    from resolutions
    where is_resolved and valid_to < 'infinity'
    group by issue_id

),

final as (

    select
        spans.issue_id,
        round(work_times.lead_seconds / 3600, 2)::numeric(12, 2) as lead_time_work_hours,
        round(work_times.cycle_seconds / 3600, 2)::numeric(12, 2) as cycle_time_work_hours,
        round(flow_times.active_seconds / 86400, 2)::numeric(12, 2) as active_days,
        round(
            (flow_times.seconds - flow_times.active_seconds) / 86400, 2
        )::numeric(12, 2) as waiting_days,
        case
            when spans.is_done
                then round(flow_times.active_seconds / nullif(flow_times.seconds, 0), 4)
        end::numeric(5, 4) as flow_efficiency,
        spans.is_wip,
        case
            when spans.is_wip then {{ days_between('spans.started_at', as_of()) }}
        end::numeric(12, 2) as wip_age_days,
        case
            when spans.is_open then {{ days_between('open_visits.entered_at', as_of()) }}
        end::numeric(12, 2) as state_age_days,
        coalesce(reopenings.reopened_count, 0)::integer as reopened_count
    from spans
    left join work_times on spans.issue_id = work_times.issue_id
    left join flow_times on spans.issue_id = flow_times.issue_id
    left join open_visits on spans.issue_id = open_visits.issue_id
    left join reopenings on spans.issue_id = reopenings.issue_id

)

select * from final
