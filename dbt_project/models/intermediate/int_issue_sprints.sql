with

issues as (

    select
        issue_id,
        resolved_at,
        is_missing
    from {{ ref('int_issues') }}
    where is_resolved

),

sprints as (

    select
        sprint_id,
        sprint,
        start_at,
        finish_at,
        measured_at,
        is_closed,
        sprint_start_date
    from {{ ref('int_sprints') }}

),

memberships as (

    select
        sprint_id,
        issue_id,
        member_from,
        member_to
    from {{ ref('int_sprint_memberships') }}

),

final as (

    select distinct on (issues.issue_id)
        issues.issue_id,
        sprints.sprint_id,
        sprints.sprint,
        sprints.sprint_start_date
    from issues
    inner join memberships
        on
            issues.issue_id = memberships.issue_id
            and issues.resolved_at >= memberships.member_from
            and issues.resolved_at < memberships.member_to
    inner join sprints
        on
            memberships.sprint_id = sprints.sprint_id
            and issues.resolved_at between sprints.start_at and sprints.finish_at
    -- In an open sprint a missing issue is no member now, not even at this very moment.
    where
        sprints.is_closed
        or not issues.is_missing
        or issues.resolved_at < sprints.measured_at
    order by issues.issue_id asc, sprints.start_at desc, {{ id_order('sprints.sprint_id') }} asc

)

select * from final
