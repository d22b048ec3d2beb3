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
        sprint_field_id
    from {{ ref('stg_youtrack__boards') }}

),

-- Boards none of whose projects was asked for are out of scope, like the projects.
boards_out_of_scope as (

    select board_id
    from {{ ref('stg_youtrack__board_projects') }}
    group by board_id
    having not bool_or({{ in_scope('project_id') }})

),

version_sprints as (

    select
        sprint_id,
        board_id,
        board,
        sprint_name,
        start_at,
        finish_at,
        is_archived
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
        boards.sprint_field_id
    from sprints
    left join boards on sprints.board_id = boards.board_id
    left join boards_out_of_scope on sprints.board_id = boards_out_of_scope.board_id
    where boards_out_of_scope.board_id is null

    union all

    select
        sprint_id,
        sprint_name,
        board_id,
        board,
        start_at,
        finish_at,
        is_archived,
        false as is_missing,
        false as has_sprints_disabled,
        board_id as sprint_field_id
    from version_sprints

)

select * from final
