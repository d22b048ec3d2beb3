{{ config(severity='warn') }}

with

board_teams as (

    select
        board_id,
        board
    from {{ ref('board_teams') }}

),

boards as (

    select
        board_id,
        board
    from {{ ref('stg_boards') }}

    union all

    -- what stands for a board of sprints that have none
    select
        board_id,
        board
    from {{ ref('stg_board_sprints') }}

)

select
    'board_teams.csv names the board ' || coalesce(board_teams.board_id, board_teams.board, '?')
    || ', which is not among the boards' as message
from board_teams
where
    not exists (
        select 1
        from boards
        where
            boards.board_id = board_teams.board_id
            or (
                board_teams.board_id is null
                and {{ fold_case('boards.board') }} = {{ fold_case('board_teams.board') }}
            )
    )
