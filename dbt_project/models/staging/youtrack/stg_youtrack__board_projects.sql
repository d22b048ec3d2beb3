with

boards as (

    select
        board_id,
        projects
    from {{ ref('stg_youtrack__boards') }}

),

final as (

    select distinct
        boards.board_id,
        project ->> 'id' as project_id
    from boards
    cross join lateral jsonb_array_elements(boards.projects) as project
    where project ->> 'id' is not null

)

select * from final
