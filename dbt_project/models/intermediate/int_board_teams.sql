with

board_teams as (

    select
        board_id,
        board,
        team
    from {{ ref('board_teams') }}

),

boards as (

    select distinct
        board_id,
        board
    from {{ ref('stg_board_sprints') }}

),

final as (

    select distinct on (boards.board_id)
        boards.board_id,
        board_teams.team
    from boards
    inner join board_teams
        on
            boards.board_id = board_teams.board_id
            or (
                board_teams.board_id is null
                and {{ fold_case('boards.board') }} = {{ fold_case('board_teams.board') }}
            )
    order by boards.board_id asc, board_teams.board_id asc nulls last, board_teams.team asc

)

select * from final
