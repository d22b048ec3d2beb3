{{ config(severity='warn') }}

-- Whether an issue is resolved, the tracker says; the seed only tells done from cancelled.
with

issues as (

    select
        issue_id_readable,
        state,
        is_resolved
    from {{ ref('int_issues') }}

),

state_categories as (

    select
        state,
        category
    from {{ ref('state_categories') }}

),

named_states as (

    select
        states.state,
        state_categories.category
    from (select distinct state from issues) as states
    inner join state_categories
        on {{ fold_case('states.state') }} = {{ fold_case('state_categories.state') }}

)

select
    issues.issue_id_readable || ' is '
    || case when issues.is_resolved then 'resolved' else 'not resolved' end
    || ', but state_categories.csv calls its state ' || issues.state || ' ' || named_states.category
        as message
from issues
inner join named_states on issues.state = named_states.state
where issues.is_resolved <> (named_states.category in ('done', 'cancelled'))
