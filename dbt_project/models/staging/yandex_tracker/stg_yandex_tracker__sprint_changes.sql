{{ config(materialized='table') }}

with

issues as (

    select issue_id
    from {{ ref('stg_yandex_tracker__issues') }}
    where {{ yandex_tracker_in_scope('queue_id') }}

),

sprints as (

    select sprint_id
    from {{ ref('stg_yandex_tracker__sprints') }}

),

field_changes as (

    select
        issue_id,
        changed_at,
        from_value,
        to_value
    from {{ ref('stg_yandex_tracker__field_changes') }}
    where field_id = 'sprint'

),

-- Before and after are whole sets; what is in both has not moved.
moves as (

    select
        field_changes.issue_id,
        field_changes.changed_at,
        sprint ->> 'id' as sprint_id,
        1 as membership_change
    from field_changes
    cross join
        lateral
        jsonb_array_elements({{ yandex_tracker_list('field_changes.to_value') }}) as sprint

    union all

    select
        field_changes.issue_id,
        field_changes.changed_at,
        sprint ->> 'id' as sprint_id,
        -1 as membership_change
    from field_changes
    cross join
        lateral
        jsonb_array_elements({{ yandex_tracker_list('field_changes.from_value') }}) as sprint

),

by_entry as (

    select
        moves.sprint_id,
        moves.issue_id,
        moves.changed_at,
        sum(moves.membership_change) as membership_change
    from moves
    inner join issues on moves.issue_id = issues.issue_id
    inner join sprints on moves.sprint_id = sprints.sprint_id
    group by moves.sprint_id, moves.issue_id, moves.changed_at

),

final as (

    select
        sprint_id,
        issue_id,
        changed_at,
        sign(membership_change)::integer as membership_change
    from by_entry
    where membership_change <> 0

)

select * from final
