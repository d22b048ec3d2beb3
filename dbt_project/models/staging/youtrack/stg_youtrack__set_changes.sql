{{ config(materialized='table', post_hook='analyze {{ this }}') }}

with

role_changes as (

    select
        activity_id,
        issue_id,
        role,
        changed_at,
        removed_values,
        added_values
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

    select distinct
        issue_id,
        role
    from role_changes

),

-- What went, what came, and what is there now.
elements as (

    select
        role_changes.issue_id,
        role_changes.role,
        role_changes.changed_at,
        1 as removals,
        element ->> 'id' as value_id,
        {{ youtrack_element_text('element') }} as value_text
    from role_changes
    cross join lateral jsonb_array_elements(role_changes.removed_values) as element

    union all

    select
        role_changes.issue_id,
        role_changes.role,
        role_changes.changed_at,
        -1 as removals,
        element ->> 'id' as value_id,
        {{ youtrack_element_text('element') }} as value_text
    from role_changes
    cross join lateral jsonb_array_elements(role_changes.added_values) as element

    union all

    select
        histories.issue_id,
        histories.role,
        'infinity' as changed_at,
        1 as removals,
        issue_values.value_id,
        issue_values.value_text
    from histories
    inner join issues on histories.issue_id = issues.issue_id
    inner join field_roles
        on
            issues.project_id = field_roles.project_id
            and histories.role = field_roles.role
    inner join issue_values
        on
            histories.issue_id = issue_values.issue_id
            and field_roles.field_id = issue_values.field_id

),

-- Values are told apart by their names: a move between projects swaps the ids of equal ones.
named as (

    select
        elements.issue_id,
        elements.role,
        elements.changed_at,
        elements.removals,
        field_values.ordinal,
        coalesce(field_values.value_name, users.login, elements.value_text) as value
    from elements
    left join field_values on elements.value_id = field_values.value_id
    left join users on elements.value_id = users.user_id

),

-- What came and went within one millisecond did not change.
balances as (

    select
        issue_id,
        role,
        value,
        changed_at,
        sum(removals) > 0 as is_in_before
    from named
    group by issue_id, role, value, changed_at
    having sum(removals) <> 0

),

ordinals as (

    select
        issue_id,
        role,
        value,
        (array_agg(ordinal order by changed_at desc))[1] as ordinal
    from named
    group by issue_id, role, value

),

-- Taken back from the present, the next change of a value tells whether the set holds it.
spans as (

    select
        issue_id,
        role,
        value,
        is_in_before,
        coalesce(
            lag(changed_at) over (partition by issue_id, role, value order by changed_at),
            '-infinity'
        ) as valid_from,
        changed_at as valid_to
    from balances

),

moments as (

    select
        issue_id,
        role,
        '-infinity'::timestamptz as changed_at,
        null as activity_id
    from histories

    union all

    select
        issue_id,
        role,
        changed_at,
        min(activity_id) as activity_id
    from role_changes
    group by issue_id, role, changed_at

),

sets as (

    select
        moments.issue_id,
        moments.role,
        moments.changed_at,
        moments.activity_id,
        {{ joined_values('spans.value', 'ordinals.ordinal') }} as value
    from moments
    left join spans
        on
            moments.issue_id = spans.issue_id
            and moments.role = spans.role
            and moments.changed_at >= spans.valid_from
            and moments.changed_at < spans.valid_to
            and spans.is_in_before
    left join ordinals
        on
            spans.issue_id = ordinals.issue_id
            and spans.role = ordinals.role
            and spans.value = ordinals.value
    group by moments.issue_id, moments.role, moments.changed_at, moments.activity_id

),

befores as (

    select
        activity_id,
        issue_id,
        role,
        changed_at,
        lag(value) over (partition by issue_id, role order by changed_at) as from_value,
        value as to_value
    from sets

),

final as (

    select
        activity_id,
        issue_id,
        role,
        changed_at,
        from_value,
        to_value
    from befores
    where activity_id is not null

)

select * from final
