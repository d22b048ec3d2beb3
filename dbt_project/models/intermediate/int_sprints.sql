{{ config(materialized='table') }}

with

board_sprints as (

    select
        tracker,
        sprint_id,
        coalesce(sprint_name, '(none)') as sprint_name,
        board_id,
        coalesce(board, '(none)') as board,
        start_at,
        finish_at,
        is_archived,
        is_missing
    from {{ ref('stg_board_sprints') }}
    where
        not has_sprints_disabled
        and start_at <= finish_at

),

labels as (

    select
        sprint_id,
        sprint_name as short_label,
        sprint_name || ' (' || board || ')' as board_label,
        sprint_name || ' (' || board || ', '
        || to_char({{ reporting_date('start_at') }}, 'YYYY-MM-DD') || ')' as date_label,
        sprint_name || ' (' || board || ', '
        || to_char({{ reporting_date('start_at') }}, 'YYYY-MM-DD') || ', '
        || sprint_id || ')' as id_label,
        count(*) over (partition by sprint_name) = 1 as is_short_label_unique,
        count(*) over (partition by sprint_name, board) = 1 as is_board_label_unique,
        count(*) over (
            partition by sprint_name, board, {{ reporting_date('start_at') }}
        ) = 1 as is_date_label_unique
    from board_sprints

),

short_labels as (

    select distinct short_label
    from labels

),

-- A label that is another sprint's own name would name two sprints again.
final_labels as (

    select
        labels.sprint_id,
        case
            when labels.is_short_label_unique
                then labels.short_label
            when labels.is_board_label_unique and board_names.short_label is null
                then labels.board_label
            when labels.is_date_label_unique and date_names.short_label is null
                then labels.date_label
            else labels.id_label
        end as sprint
    from labels
    left join short_labels as board_names
        on labels.board_label = board_names.short_label
    left join short_labels as date_names
        on labels.date_label = date_names.short_label

),

-- A closed sprint is measured at its finish, an open one now.
final as (

    select
        board_sprints.sprint_id,
        final_labels.sprint,
        board_sprints.board_id,
        board_sprints.board,
        board_sprints.start_at,
        board_sprints.finish_at,
        least(
            board_sprints.start_at
            + {{ var('sprint_planning_grace_hours', 24) }} * interval '1 hour',
            board_sprints.finish_at
        ) as baseline_at,
        least({{ as_of() }}, board_sprints.finish_at) as measured_at,
        board_sprints.start_at <= {{ as_of() }} as has_begun,
        board_sprints.finish_at < {{ as_of() }} as is_closed,
        {{ reporting_date('board_sprints.start_at') }} as sprint_start_date,
        {{ reporting_quarter('board_sprints.finish_at') }} as quarter,
        board_sprints.is_archived,
        board_sprints.is_missing,
        board_sprints.tracker
    from board_sprints
    inner join final_labels on board_sprints.sprint_id = final_labels.sprint_id

)

select * from final
