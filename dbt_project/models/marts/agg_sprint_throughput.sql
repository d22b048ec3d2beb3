with

sprint_issues as (

    select
        sprint_id,
        team,
        issue_type,
        is_story,
        is_planned,
        is_added,
        is_completed,
        is_removed,
        is_carried_over,
        story_points
    from {{ ref('fct_sprint_issues') }}
    where not is_excluded_team

),

sprints as (

    select
        sprint_id,
        sprint,
        board_id,
        board,
        quarter,
        start_at,
        finish_at,
        sprint_start_date,
        is_closed
    from {{ ref('dim_sprints') }}

),

summed as (

    select
        sprint_id,
        team,
        issue_type,
        is_story,
        count(*) filter (where is_planned)::integer as planned_count,
        count(*) filter (where is_completed)::integer as completed_count,
        count(*) filter (where is_planned and is_completed)::integer as planned_completed_count,
        count(*) filter (where is_planned and is_removed)::integer as planned_removed_count,
        count(*) filter (where is_planned and is_carried_over)::integer
            as planned_carried_over_count,
        count(*) filter (where is_added)::integer as added_count,
        count(*) filter (where is_removed)::integer as removed_count,
        count(*) filter (where is_carried_over)::integer as carried_over_count,
        coalesce(sum(story_points) filter (where is_planned), 0)::numeric(12, 2) as planned_points,
        coalesce(sum(story_points) filter (where is_completed), 0)::numeric(12, 2)
            as completed_points,
        coalesce(sum(story_points) filter (where is_planned and is_completed), 0)::numeric(12, 2)
            as planned_completed_points,
        coalesce(sum(story_points) filter (where is_planned and is_removed), 0)::numeric(12, 2)
            as planned_removed_points,
        coalesce(sum(story_points) filter (where is_planned and is_carried_over), 0)::numeric(12, 2)
            as planned_carried_over_points,
        coalesce(sum(story_points) filter (where is_added), 0)::numeric(12, 2) as added_points,
        coalesce(sum(story_points) filter (where is_removed), 0)::numeric(12, 2) as removed_points,
        coalesce(sum(story_points) filter (where is_carried_over), 0)::numeric(12, 2)
            as carried_over_points
    from sprint_issues
    group by sprint_id, team, issue_type, is_story

),

closed_sprints as (

    select
        sprint_id,
        row_number() over (
            partition by board_id
            order by finish_at desc, start_at desc, sprint_id collate "C" desc
        )::integer as closed_sprint_rank
    from sprints
    where
        is_closed
        and sprint_id in (select summed.sprint_id from summed)

),

final as (

    select
        summed.*,
        sprints.sprint,
        sprints.board_id,
        sprints.board,
        sprints.quarter,
        sprints.start_at,
        sprints.finish_at,
        sprints.sprint_start_date,
        sprints.is_closed,
        closed_sprints.closed_sprint_rank,
        (summed.planned_completed_count::numeric / nullif(summed.planned_count, 0))::numeric(5, 4)
            as completion_rate
    from summed
    inner join sprints on summed.sprint_id = sprints.sprint_id
    left join closed_sprints on summed.sprint_id = closed_sprints.sprint_id

)

select * from final
