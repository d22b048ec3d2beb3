{{ config(materialized='table', indexes=[{'columns': ['issue_id', 'moved_at']}]) }}

with

activities as (

    select
        activity_id,
        issue_id,
        occurred_at,
        {{ youtrack_list('removed') }} -> 0 -> 'project' as from_project,
        {{ youtrack_list('added') }} -> 0 -> 'project' as to_project
    from {{ ref('stg_youtrack__activities') }}
    where category = 'ProjectCategory'

),

issues as (

    select issue_id
    from {{ ref('stg_youtrack__issue_snapshots') }}

),

final as (

    select
        activities.activity_id,
        activities.issue_id,
        activities.occurred_at as moved_at,
        activities.from_project ->> 'id' as from_project_id,
        activities.from_project ->> 'shortName' as from_project_short_name,
        activities.to_project ->> 'id' as to_project_id,
        activities.to_project ->> 'shortName' as to_project_short_name
    from activities
    inner join issues on activities.issue_id = issues.issue_id

)

select * from final
