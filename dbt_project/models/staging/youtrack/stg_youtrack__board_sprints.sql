{{ config(materialized='table') }}

with

sprints as (

    select
        sprint_id,
        board_id,
        sprint_name,
        start_at,
        finish_at,
        is_archived,
        is_missing
    from {{ ref('stg_youtrack__sprints') }}

),

boards as (

    select
        board_id,
        board,
        has_sprints_disabled,
        sprint_field_id,
        follows_query
    from {{ ref('stg_youtrack__boards') }}

),

board_projects as (

    select
        board_id,
        project_id,
        missed_at
    from {{ ref('stg_youtrack__board_projects') }}

),

-- Sprints of boards none of whose projects was asked for are out of scope, like the projects.
sprints_out_of_scope as (

    select sprints.sprint_id
    from sprints
    inner join board_projects on sprints.board_id = board_projects.board_id
    group by sprints.sprint_id
    having
        count(*) filter (
            where
            (board_projects.missed_at is null or sprints.finish_at < board_projects.missed_at)
            and {{ youtrack_in_scope('board_projects.project_id') }}
        ) = 0

),

version_sprints as (

    select
        sprint_id,
        board_id,
        board,
        sprint_name,
        start_at,
        finish_at,
        is_archived,
        is_missing
    from {{ ref('stg_youtrack__version_sprints') }}

),

final as (

    select
        sprints.sprint_id,
        sprints.sprint_name,
        sprints.board_id,
        boards.board,
        sprints.start_at,
        sprints.finish_at,
        sprints.is_archived,
        sprints.is_missing,
        coalesce(boards.has_sprints_disabled, false) as has_sprints_disabled,
        boards.sprint_field_id,
        coalesce(boards.follows_query, false) as follows_query
    from sprints
    left join boards on sprints.board_id = boards.board_id
    left join sprints_out_of_scope on sprints.sprint_id = sprints_out_of_scope.sprint_id
    where sprints_out_of_scope.sprint_id is null

    union all

    select
        sprint_id,
        sprint_name,
        board_id,
        board,
        start_at,
        finish_at,
        is_archived,
        is_missing,
        false as has_sprints_disabled,
        board_id as sprint_field_id,
        false as follows_query
    from version_sprints

)

select * from final
