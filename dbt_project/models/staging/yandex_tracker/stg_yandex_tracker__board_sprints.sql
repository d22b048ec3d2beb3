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
    from {{ ref('stg_yandex_tracker__sprints') }}

),

boards as (

    select
        board_id,
        board
    from {{ ref('stg_yandex_tracker__boards') }}

),

-- Boards none of whose queues was asked for are out of scope, but for sprints that hold an issue
-- of one that was: a filter is not the whole truth. Unknown queues are in.
boards_out_of_scope as (

    select board_id
    from {{ ref('stg_yandex_tracker__board_projects') }}
    group by board_id
    having not bool_or({{ yandex_tracker_in_scope('project_id') }})

),

sprints_in_use as (

    select sprint_id
    from {{ ref('stg_yandex_tracker__sprint_changes') }}

    union

    select sprint_id
    from {{ ref('stg_yandex_tracker__sprint_members') }}

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
        false as has_sprints_disabled,
        null::text as sprint_field_id,
        false as follows_query
    from sprints
    left join boards on sprints.board_id = boards.board_id
    left join boards_out_of_scope on sprints.board_id = boards_out_of_scope.board_id
    left join sprints_in_use on sprints.sprint_id = sprints_in_use.sprint_id
    where boards_out_of_scope.board_id is null or sprints_in_use.sprint_id is not null

)

select * from final
