{{ config(severity='warn') }}

-- A misspelt state decides nothing. The names that ship with the project are for every tracker.
with

states as (

    select state from {{ ref('int_issues') }}

    union

    select state from {{ ref('int_issue_state_visits') }}

    union

    select value_name as state
    from {{ ref('stg_role_values') }}
    where role = 'state'

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
