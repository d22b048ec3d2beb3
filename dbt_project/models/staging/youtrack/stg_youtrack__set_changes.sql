{{ config(materialized='table') }}

with

role_changes as (

    select
        activity_id,
        issue_id,
        role,
        field_id,
        is_of_replaced_field,
        changed_at,
        removed_values,
        added_values,
        -- the place of the moment in the history; 0 is what was before, the last one the present
        dense_rank() over (partition by issue_id, role, field_id order by changed_at) as place
    from {{ ref('stg_youtrack__role_changes') }}
    where is_set

),

issues as (

    select
        issue_id,
        project_id
    from {{ ref('stg_youtrack__issue_snapshots') }}

),

field_roles as (

    select
        role,
        project_id,
        field_id
    from {{ ref('stg_youtrack__field_roles') }}

),

issue_values as (

    select
        issue_id,
        field_id,
        value_id,
        value_text
    from {{ ref('stg_youtrack__issue_values') }}

),

field_values as (

    select distinct on (value_id)
        value_id,
        value_name,
        ordinal
    from {{ ref('stg_youtrack__field_values') }}
    order by value_id asc, loaded_at desc, {{ id_order('project_id') }} asc

),

users as (

    select
        user_id,
        login
    from {{ ref('stg_youtrack__users') }}

),

histories as (

    select
        role_changes.issue_id,
        role_changes.role,
        role_changes.field_id,
        max(role_changes.place) + 1 as place_of_present,
        bool_or(field_roles.field_id is not null) as has_present_set
    from role_changes
    inner join issues on role_changes.issue_id = issues.issue_id
    left join field_roles
        on
            issues.project_id = field_roles.project_id
            and role_changes.role = field_roles.role
            and role_changes.field_id = field_roles.field_id
    group by role_changes.issue_id, role_changes.role, role_changes.field_id

),

-- What went, what came, and what is there now.
elements as (

    select
        role_changes.issue_id,
        role_changes.role,
        role_changes.field_id,
        role_changes.place,
        1 as removals,
        element ->> 'id' as value_id,
        {{ youtrack_element_text('element') }} as value_text
    from role_changes
    cross join lateral jsonb_array_elements(role_changes.removed_values) as element

    union all

    select
        role_changes.issue_id,
        role_changes.role,
        role_changes.field_id,
        role_changes.place,
        -1 as removals,
        element ->> 'id' as value_id,
        {{ youtrack_element_text('element') }} as value_text
    from role_changes
    cross join lateral jsonb_array_elements(role_changes.added_values) as element

    union all

    select
        histories.issue_id,
        histories.role,
        histories.field_id,
        histories.place_of_present as place,
        1 as removals,
        issue_values.value_id,
        issue_values.value_text
    from histories
    inner join issue_values
        on
            histories.issue_id = issue_values.issue_id
            and histories.field_id = issue_values.field_id
    where histories.has_present_set

),

-- Values are told apart by their names: a move between projects swaps the ids of equal ones.
named as (

    select
        elements.issue_id,
        elements.role,
        elements.field_id,
        elements.place,
        elements.removals,
        field_values.ordinal,
        coalesce(field_values.value_name, users.login, elements.value_text) as value
    from elements
    left join field_values on elements.value_id = field_values.value_id
    left join users on elements.value_id = users.user_id

),

-- A value stands where the bundle had it last.
placed as (

    select
        issue_id,
        role,
        field_id,
        place,
        removals,
        value,
        first_value(ordinal) over (
            partition by issue_id, role, field_id, value order by place desc
        ) as ordinal
    from named

),

-- What came and went within one millisecond did not change.
balances as (

    select
        issue_id,
        role,
        field_id,
        value,
        ordinal,
        place,
        sum(removals) > 0 as is_in_before
    from placed
    group by issue_id, role, field_id, value, ordinal, place
    having sum(removals) <> 0

),

-- A field that the issue has left shows nothing now: it kept what its changes added last.
kept as (

    select
        last_balances.issue_id,
        last_balances.role,
        last_balances.field_id,
        last_balances.value,
        last_balances.ordinal,
        histories.place_of_present as place,
        true as is_in_before
    from (
        select distinct on (issue_id, role, field_id, value) *
        from balances
        order by issue_id asc, role asc, field_id asc, value asc, place desc
    ) as last_balances
    inner join histories
        on
            last_balances.issue_id = histories.issue_id
            and last_balances.role = histories.role
            and last_balances.field_id = histories.field_id
    where
        not last_balances.is_in_before
        and not histories.has_present_set

),

-- Taken back from the present, the next change of a value tells whether the set holds it.
spans as (

    select
        issue_id,
        role,
        field_id,
        value,
        ordinal,
        is_in_before,
        lag(place, 1, 0::bigint) over (
            partition by issue_id, role, field_id, value order by place
        ) as first_place,
        place - 1 as last_place
    from (
        select * from balances
        union all
        select * from kept
    ) as turns

),

-- Each value at each place where the set holds it, and each place, lest an empty set be none. To
-- join the two would hold every span of an issue against every moment.
held as (

    select
        spans.issue_id,
        spans.role,
        spans.field_id,
        places.place,
        null as activity_id,
        null::boolean as is_of_replaced_field,
        null::timestamptz as changed_at,
        spans.value,
        spans.ordinal
    from spans
    cross join lateral generate_series(spans.first_place, spans.last_place) as places (place)
    where spans.is_in_before

    union all

    select
        issue_id,
        role,
        field_id,
        0 as place,
        null as activity_id,
        null as is_of_replaced_field,
        null as changed_at,
        null as value,
        null as ordinal
    from histories

    union all

    select
        issue_id,
        role,
        field_id,
        place,
        activity_id,
        is_of_replaced_field,
        changed_at,
        null as value,
        null as ordinal
    from role_changes

),

sets as (

    select
        issue_id,
        role,
        field_id,
        place,
        min(activity_id) as activity_id,
        bool_or(is_of_replaced_field) as is_of_replaced_field,
        min(changed_at) as changed_at,
        {{ joined_values('value', 'ordinal') }} as value
    from held
    group by issue_id, role, field_id, place

),

befores as (

    select
        activity_id,
        issue_id,
        role,
        changed_at,
        is_of_replaced_field,
        lag(value) over (partition by issue_id, role, field_id order by place) as from_value,
        value as to_value
    from sets

),

final as (

    select
        activity_id,
        issue_id,
        role,
        changed_at,
        is_of_replaced_field,
        from_value,
        to_value
    from befores
    where activity_id is not null

)

select * from final
