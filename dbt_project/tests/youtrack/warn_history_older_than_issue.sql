{{ config(severity='warn') }}

-- What an import dates before the creation counts as made at the creation.
with

issues as (

    select
        issue_id,
        issue_id_readable,
        created_at
    from {{ ref('stg_youtrack__issue_snapshots') }}

),

activities as (

    select
        issue_id,
        occurred_at
    from {{ ref('stg_youtrack__activities') }}

)

select
    issues.issue_id_readable || ' has changes from before its creation ('
    || count(*) || '), which count as made at the creation' as message
from issues
inner join activities
    on
        issues.issue_id = activities.issue_id
        and issues.created_at > activities.occurred_at
group by issues.issue_id, issues.issue_id_readable
