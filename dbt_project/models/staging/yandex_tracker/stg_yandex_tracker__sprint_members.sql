{{ config(materialized='table') }}

with

issues as (

    select
        issue_id,
        sprints
    from {{ ref('stg_yandex_tracker__issues') }}
    where {{ yandex_tracker_in_scope('queue_id') }}

),

sprints as (

    select sprint_id
    from {{ ref('stg_yandex_tracker__sprints') }}

),

-- A reference to a deleted sprint stays in issues.
final as (

    select distinct
        sprints.sprint_id,
        issues.issue_id
    from issues
    cross join lateral jsonb_array_elements(issues.sprints) as sprint
    inner join sprints on sprint ->> 'id' = sprints.sprint_id

)

select * from final
