{{ config(severity='warn') }}

-- A misspelt state decides nothing. The names that ship with the project are for every tracker.
with

states as (

    select state from {{ ref('int_issues') }}

    union

    select state from {{ ref('int_issue_state_visits') }}

    union

    select field_values.value_name as state
    from {{ ref('stg_youtrack__field_values') }} as field_values
    inner join {{ ref('stg_youtrack__field_roles') }} as field_roles
        on
            field_values.project_id = field_roles.project_id
            and field_values.field_id = field_roles.field_id
            and field_roles.role = 'state'

    union

    select state
    from {{ unnested(shipped_states()) }} as shipped (state)

)

select
    'state_categories.csv names the state "' || state_categories.state
    || '", which no project and no issue has' as message
from {{ ref('state_categories') }} as state_categories
where
    not exists (
        select 1
        from states
        where {{ fold_case('states.state') }} = {{ fold_case('state_categories.state') }}
    )
