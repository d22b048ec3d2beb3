with

sprints as (

    select
        sprint_id,
        sprint,
        board_id,
        board,
        start_at,
        finish_at,
        sprint_start_date,
        quarter,
        is_closed,
        is_archived,
        is_missing,
        tracker
    from {{ ref('int_sprints') }}

),

board_teams as (

    select
        board_id,
        team
    from {{ ref('int_board_teams') }}

),

sprint_issues as (

    select
        sprint_id,
        team
    from {{ ref('int_sprint_issues') }}
    where is_member_at_baseline

),

most_frequent_teams as (

    select distinct on (sprint_id)
        sprint_id,
        team
    from sprint_issues
    group by sprint_id, team
    order by sprint_id asc, count(*) desc, team collate "C" asc

),

final as (

    select
        sprints.sprint_id,
        sprints.sprint,
        coalesce(sprints.board_id, '(none)') as board_id,
        sprints.board,
        coalesce(board_teams.team, most_frequent_teams.team, '(none)') as team,
        board_teams.team is null and most_frequent_teams.team is not null as is_team_inferred,
        sprints.start_at,
        sprints.finish_at,
        sprints.sprint_start_date,
        sprints.quarter,
        sprints.is_closed,
        sprints.is_archived,
        sprints.is_missing,
        sprints.tracker
    from sprints
    left join board_teams on sprints.board_id = board_teams.board_id
    left join most_frequent_teams on sprints.sprint_id = most_frequent_teams.sprint_id

)

select * from final
