{{ config(materialized='table') }}

with

boards as (

    select
        board_id,
        projects,
        past_projects
    from {{ ref('stg_youtrack__boards') }}

),

final as (

    select distinct
        boards.board_id,
        project ->> 'id' as project_id,
        null::timestamptz as missed_at
    from boards
    cross join lateral jsonb_array_elements(boards.projects) as project
    where project ->> 'id' is not null

    union all

    select
        boards.board_id,
        project ->> 'id' as project_id,
        (project ->> 'missed_at')::timestamptz as missed_at
    from boards
    cross join lateral jsonb_array_elements(boards.past_projects) as project

)

select * from final
