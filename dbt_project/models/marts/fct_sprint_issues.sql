with

sprint_issues as (

    select
        sprint_id,
        issue_id,
        team,
        issue_type,
        is_excluded_team,
        is_planned,
        is_added,
        is_completed,
        is_removed,
        is_carried_over,
        is_membership_inferred,
        added_at,
        removed_at,
        completed_at,
        story_points
    from {{ ref('int_sprint_issues') }}
    where has_begun

),

sprints as (

    select
        sprint_id,
        sprint,
        board_id,
        board,
        tracker
    from {{ ref('dim_sprints') }}

),

final as (

    select
        sprint_issues.sprint_id,
        sprint_issues.issue_id,
        sprints.sprint,
        sprints.board_id,
        sprints.board,
        sprint_issues.team,
        sprint_issues.issue_type,
        {{ is_story('sprint_issues.issue_type') }} as is_story,
        sprint_issues.is_excluded_team,
        sprint_issues.is_planned,
        sprint_issues.is_added,
        sprint_issues.is_completed,
        sprint_issues.is_removed,
        sprint_issues.is_carried_over,
        sprint_issues.is_membership_inferred,
        sprint_issues.added_at,
        sprint_issues.removed_at,
        sprint_issues.completed_at,
        sprint_issues.story_points,
        sprints.tracker
    from sprint_issues
    inner join sprints on sprint_issues.sprint_id = sprints.sprint_id

)

select * from final
