{{ config(materialized='table', indexes=[{'columns': ['issue_id']}]) }}

with

issues as (

    select
        issue_id,
        created_at,
        state,
        state_category
    from {{ ref('stg_issue_snapshots') }}

),

state_changes as (

    select
        issue_id,
        change_number,
        changed_at,
        from_value,
        from_category,
        to_value,
        to_category
    from {{ ref('stg_attribute_changes') }}
    where attribute = 'state'

),

state_categories as (

    select
        state,
        category
    from {{ ref('state_categories') }}

),

-- Equal names are no change, whatever the ids: a move between projects swaps the element.
real_changes as (

    select
        issue_id,
        changed_at,
        from_value,
        from_category,
        to_value,
        to_category,
        row_number() over (partition by issue_id order by change_number) as change_number
    from state_changes
    where from_value is distinct from to_value

),

-- What the first change removed, else what is there now. An element swapped for its namesake is no
-- change, but it tells the state where the field was replaced since.
first_states as (

    select
        issues.issue_id,
        issues.created_at,
        case
            when real_changes.issue_id is not null then real_changes.from_value
            when state_changes.issue_id is not null then state_changes.from_value
            else issues.state
        end as state,
        case
            when real_changes.issue_id is not null then real_changes.from_category
            when state_changes.issue_id is not null then state_changes.from_category
            else issues.state_category
        end as tracker_category
    from issues
    left join state_changes
        on
            issues.issue_id = state_changes.issue_id
            and state_changes.change_number = 1
    left join real_changes
        on
            issues.issue_id = real_changes.issue_id
            and real_changes.change_number = 1

),

-- An element swapped since creation was another one at creation, and may have meant another thing.
first_visits as (

    select
        first_states.issue_id,
        1 as visit_number,
        first_states.created_at as entered_at,
        first_states.state,
        coalesce(state_changes.from_category, first_states.tracker_category) as tracker_category
    from first_states
    left join state_changes
        on
            first_states.issue_id = state_changes.issue_id
            and first_states.state = state_changes.from_value
            and state_changes.change_number = 1

),

visits as (

    select
        issue_id,
        visit_number,
        entered_at,
        state,
        tracker_category
    from first_visits

    union all

    select
        issue_id,
        change_number + 1 as visit_number,
        changed_at as entered_at,
        to_value as state,
        to_category as tracker_category
    from real_changes

),

named_categories as (

    select
        states.state,
        state_categories.category
    from (select distinct state from visits) as states
    inner join state_categories
        on {{ fold_case('states.state') }} = {{ fold_case('state_categories.state') }}

),

final as (

    select
        visits.issue_id,
        visits.visit_number::integer,
        visits.state,
        {{ state_category(
            'visits.state', 'named_categories.category', 'visits.tracker_category'
        ) }} as state_category,
        visits.entered_at,
        lead(visits.entered_at) over (
            partition by visits.issue_id order by visits.visit_number
        ) as left_at
    from visits
    left join named_categories on visits.state = named_categories.state

)

select * from final
