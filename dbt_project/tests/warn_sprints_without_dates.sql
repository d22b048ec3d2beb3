{{ config(severity='warn') }}

select
    'The sprint "' || coalesce(sprint_name, sprint_id) || '" of the board "'
    || coalesce(board, board_id) || '" '
    || case
        when start_at is null or finish_at is null then 'has no start or no finish'
        else 'finishes before it starts'
    end
    || ' and is left out' as message
from {{ ref('stg_board_sprints') }}
where
    not has_sprints_disabled
    and (start_at is null or finish_at is null or finish_at < start_at)
