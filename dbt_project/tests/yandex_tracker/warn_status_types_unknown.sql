{{ config(severity='warn') }}

-- The issues of such a status count as in progress.
with

statuses as (

    select
        status_id,
        status,
        status_type
    from {{ ref('stg_yandex_tracker__statuses') }}
    where state_category is null

),

issues as (

    select state_id
    from {{ ref('stg_yandex_tracker__issue_snapshots') }}
    where state_category is null

),

seed_categories as (

    select state
    from {{ ref('state_categories') }}

)

select
    'The status "' || statuses.status || '" has the type '
    || coalesce('"' || statuses.status_type || '"', 'of none')
    || ', which says nothing, so that its issues (' || count(*)
    || ') count as in progress; name it in state_categories.csv' as message
from statuses
inner join issues on statuses.status_id = issues.state_id
left join seed_categories
    on {{ fold_case('statuses.status') }} = {{ fold_case('seed_categories.state') }}
where seed_categories.state is null
group by statuses.status, statuses.status_type
