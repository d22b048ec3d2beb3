with

state_visits as (

    select
        issue_id,
        visit_number,
        state,
        state_category,
        entered_at,
        left_at
    from {{ ref('int_issue_state_visits') }}

),

issues as (

    select
        issue_id,
        issue_id_readable,
        project,
        team,
        issue_type,
        sprint,
        quarter,
        is_done,
        is_excluded_team,
        resolved_at,
        sprint_start_date,
        tracker
    from {{ ref('fct_issues') }}

),

work_days as (

    select
        date,
        opens_at,
        closes_at,
        seconds_before
    from {{ ref('int_work_days') }}

),

-- The open visit ends now, or with the resolution, never before it began.
visits as (

    select
        state_visits.*,
        greatest(
            coalesce(state_visits.left_at, issues.resolved_at, {{ as_of() }}),
            state_visits.entered_at
        ) as end_at
    from state_visits
    inner join issues on state_visits.issue_id = issues.issue_id

),

final as (

    select
        visits.issue_id,
        visits.visit_number,
        coalesce(visits.state, '(none)') as state,
        visits.state_category,
        visits.entered_at,
        visits.left_at,
        {{ days_between('visits.entered_at', 'visits.end_at') }}::numeric(12, 2) as days,
        extract(epoch from visits.end_at - visits.entered_at)::numeric(14, 3) as seconds,
        round(
            (
                {{ work_seconds_until('visits.end_at', 'end_day') }}
                - {{ work_seconds_until('visits.entered_at', 'entry_day') }}
            ) / 3600,
            2
        )::numeric(12, 2) as work_hours,
        issues.issue_id_readable,
        issues.project,
        issues.team,
        issues.issue_type,
        issues.sprint,
        issues.quarter,
        coalesce({{ reporting_quarter('visits.left_at') }}, '(none)') as left_quarter,
        issues.is_done,
        issues.is_excluded_team,
        issues.sprint_start_date,
        issues.tracker
    from visits
    inner join issues on visits.issue_id = issues.issue_id
    inner join work_days as entry_day
        on {{ reporting_date('visits.entered_at') }} = entry_day.date
    inner join work_days as end_day
        on {{ reporting_date('visits.end_at') }} = end_day.date

)

select * from final
