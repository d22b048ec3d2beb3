{{ config(materialized='table') }}

with

issues as (

    select issue_id
    from {{ ref('stg_youtrack__issue_snapshots') }}

),

board_sprints as (

    select
        sprint_id,
        sprint_name,
        board_id,
        sprint_field_id
    from {{ ref('stg_youtrack__board_sprints') }}

),

activities as (

    select
        issue_id,
        occurred_at,
        removed,
        added
    from {{ ref('stg_youtrack__activities') }}
    where category = 'SprintCategory'

),

field_changes as (

    select
        issue_id,
        changed_at,
        field_id,
        removed_values,
        added_values
    from {{ ref('stg_youtrack__field_changes') }}

),

value_names as (

    select distinct on (value_id)
        value_id,
        value_name
    from {{ ref('stg_youtrack__field_values') }}
    order by value_id asc, loaded_at desc

),

-- Boards to whose sprints issues are added by hand.
additions_by_hand as (

    select
        activities.issue_id,
        activities.occurred_at as changed_at,
        sprint ->> 'id' as sprint_id,
        1 as membership_change
    from activities
    cross join lateral jsonb_array_elements({{ youtrack_list('activities.added') }}) as sprint

    union all

    select
        activities.issue_id,
        activities.occurred_at as changed_at,
        sprint ->> 'id' as sprint_id,
        -1 as membership_change
    from activities
    cross join lateral jsonb_array_elements({{ youtrack_list('activities.removed') }}) as sprint

),

-- Boards whose sprints follow a field, and sprints that are values of a field.
sprint_field_changes as (

    select
        field_changes.issue_id,
        field_changes.changed_at,
        field_changes.field_id,
        field_changes.removed_values,
        field_changes.added_values
    from field_changes
    inner join (
        select distinct sprint_field_id
        from board_sprints
    ) as sprint_fields on field_changes.field_id = sprint_fields.sprint_field_id

),

field_value_changes as (

    select
        sprint_field_changes.issue_id,
        sprint_field_changes.changed_at,
        sprint_field_changes.field_id,
        field_value ->> 'id' as value_id,
        {{ youtrack_element_text('field_value') }} as value_text,
        1 as membership_change
    from sprint_field_changes
    cross join lateral jsonb_array_elements(sprint_field_changes.added_values) as field_value

    union all

    select
        sprint_field_changes.issue_id,
        sprint_field_changes.changed_at,
        sprint_field_changes.field_id,
        field_value ->> 'id' as value_id,
        {{ youtrack_element_text('field_value') }} as value_text,
        -1 as membership_change
    from sprint_field_changes
    cross join lateral jsonb_array_elements(sprint_field_changes.removed_values) as field_value

),

sprint_changes as (

    select
        board_sprints.sprint_id,
        additions_by_hand.issue_id,
        additions_by_hand.changed_at,
        additions_by_hand.membership_change
    from additions_by_hand
    inner join board_sprints on additions_by_hand.sprint_id = board_sprints.sprint_id
    where board_sprints.sprint_field_id is null

    union all

    -- A board's sprints follow the field's value by its name.
    select
        board_sprints.sprint_id,
        field_value_changes.issue_id,
        field_value_changes.changed_at,
        field_value_changes.membership_change
    from field_value_changes
    left join value_names on field_value_changes.value_id = value_names.value_id
    inner join board_sprints
        on
            field_value_changes.field_id = board_sprints.sprint_field_id
            and coalesce(value_names.value_name, field_value_changes.value_text)
            = board_sprints.sprint_name
            and board_sprints.board_id <> board_sprints.sprint_field_id

    union all

    -- Values that are sprints themselves are followed by their id.
    select
        board_sprints.sprint_id,
        field_value_changes.issue_id,
        field_value_changes.changed_at,
        field_value_changes.membership_change
    from field_value_changes
    inner join board_sprints
        on
            field_value_changes.field_id = board_sprints.board_id
            and field_value_changes.value_id = board_sprints.sprint_id

),

-- Within one millisecond only the outcome counts: 1 joined, -1 left, 0 out and in again.
final as (

    select
        sprint_changes.sprint_id,
        sprint_changes.issue_id,
        sprint_changes.changed_at,
        sign(sum(sprint_changes.membership_change))::integer as membership_change
    from sprint_changes
    inner join issues on sprint_changes.issue_id = issues.issue_id
    group by sprint_changes.sprint_id, sprint_changes.issue_id, sprint_changes.changed_at

)

select * from final
