{{ config(severity='warn') }}

-- What a query found in the past nobody knows: who is resolved leaves it, and was never planned.
select
    'The board "' || coalesce(board, board_id) || '" is filled by a query (sprints: '
    || count(*) || '), which tells who is in a sprint now, not who was' as message
from {{ ref('stg_board_sprints') }}
where
    follows_query
    and not has_sprints_disabled
    and start_at <= finish_at
group by board_id, board
