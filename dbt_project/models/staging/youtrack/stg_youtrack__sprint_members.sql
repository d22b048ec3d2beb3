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

sprints as (

    select
        sprint_id,
        issues
    from {{ ref('stg_youtrack__sprints') }}

),

issue_values as (

    select
        issue_id,
        field_id,
        value_id,
        value_text
    from {{ ref('stg_youtrack__issue_values') }}

),

value_names as (

    select distinct on (value_id)
        value_id,
        value_name
    from {{ ref('stg_youtrack__field_values') }}
    order by value_id asc, loaded_at desc

),

members_by_hand as (

    select
        board_sprints.sprint_id,
        issue ->> 'id' as issue_id
    from board_sprints
    inner join sprints on board_sprints.sprint_id = sprints.sprint_id
    cross join lateral jsonb_array_elements(sprints.issues) as issue
    where board_sprints.sprint_field_id is null

),

-- A board's sprints follow the field's value by its name; values that are sprints, by their id.
members_by_field as (

    select
        board_sprints.sprint_id,
        issue_values.issue_id
    from issue_values
    left join value_names on issue_values.value_id = value_names.value_id
    inner join board_sprints
        on
            issue_values.field_id = board_sprints.sprint_field_id
            and coalesce(value_names.value_name, issue_values.value_text)
            = board_sprints.sprint_name
            and board_sprints.board_id <> board_sprints.sprint_field_id

    union all

    select
        board_sprints.sprint_id,
        issue_values.issue_id
    from issue_values
    inner join board_sprints
        on
            issue_values.field_id = board_sprints.board_id
            and issue_values.value_id = board_sprints.sprint_id

),

final as (

    select
        members.sprint_id,
        members.issue_id
    from (
        select * from members_by_hand

        union

        select * from members_by_field
    ) as members
    inner join issues on members.issue_id = issues.issue_id

)

select * from final
