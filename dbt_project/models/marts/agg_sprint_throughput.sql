{%- set scopes = {
    'planned': 'is_planned',
    'completed': 'is_completed',
    'planned_completed': 'is_planned and is_completed',
    'planned_removed': 'is_planned and is_removed',
    'planned_carried_over': 'is_planned and is_carried_over',
    'added': 'is_added',
    'removed': 'is_removed',
    'carried_over': 'is_carried_over'
} -%}

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
        {%- for scope, condition in scopes.items() %}
        count(*) filter (where {{ condition }})::integer as {{ scope }}_count,
        coalesce(sum(story_points) filter (where {{ condition }}), 0)::numeric(12, 2)
            as {{ scope }}_points{{ ',' if not loop.last }}
        {%- endfor %}
    from sprint_issues
    group by sprint_id, team, issue_type, is_story

),

final as (

    select
        summed.sprint_id,
        summed.team,
        summed.issue_type,
        sprints.sprint,
        sprints.board_id,
        sprints.board,
        summed.is_story,
        sprints.quarter,
        sprints.start_at,
        sprints.finish_at,
        sprints.sprint_start_date,
        sprints.is_closed,
        {%- for scope in scopes %}
        summed.{{ scope }}_count,
        summed.{{ scope }}_points,
        {%- endfor %}
        (summed.planned_completed_count::numeric / nullif(summed.planned_count, 0))::numeric(5, 4)
            as completion_rate
    from summed
    inner join sprints on summed.sprint_id = sprints.sprint_id

)

select * from final
