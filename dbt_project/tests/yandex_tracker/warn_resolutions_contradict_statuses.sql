{{ config(severity='warn') }}

-- A workflow that leaves the resolution standing when it opens an issue again; or one that never
-- sets it. What counts is said by the var resolved_by.
with

issues as (

    select
        issue_id,
        has_resolution
    from {{ ref('stg_yandex_tracker__issues') }}

),

snapshots as (

    select
        issue_id,
        resolved_at,
        state_category
    from {{ ref('stg_yandex_tracker__issue_snapshots') }}

),

final as (

    select
        count(*) filter (
            where issues.has_resolution and snapshots.resolved_at is null
        ) as open_with_resolution,
        count(*) filter (
            where not issues.has_resolution and snapshots.resolved_at is not null
        ) as done_without_resolution,
        count(*) filter (
            where
            snapshots.resolved_at is not null
            and snapshots.state_category not in ('done', 'cancelled')
        ) as resolved_in_open_status
    from issues
    inner join snapshots on issues.issue_id = snapshots.issue_id

)

select
    'Status and resolution of issues of Yandex.Tracker contradict each other: '
    || open_with_resolution || ' open ones have a resolution, ' || done_without_resolution
    || ' resolved ones have none, ' || resolved_in_open_status
    || ' resolved ones are in an open status; the var resolved_by says which counts' as message
from final
where open_with_resolution + done_without_resolution + resolved_in_open_status > 0
