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

final as (

    select
        state_visits.issue_id,
        state_visits.visit_number,
        coalesce(state_visits.state, '(none)') as state,
        state_visits.state_category,
        state_visits.entered_at,
        state_visits.left_at,
        greatest(
            {{ days_between(
                'state_visits.entered_at',
                'coalesce(state_visits.left_at, issues.resolved_at, ' ~ as_of() ~ ')'
            ) }},
            0
        )::numeric(12, 2) as days,
        issues.issue_id_readable,
        issues.team,
        issues.issue_type,
        issues.sprint,
        issues.quarter,
        issues.is_done,
        issues.is_excluded_team,
        issues.sprint_start_date,
        issues.tracker
    from state_visits
    inner join issues on state_visits.issue_id = issues.issue_id

)

select * from final
