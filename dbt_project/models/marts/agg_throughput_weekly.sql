with

issues as (

    select
        team,
        issue_type,
        is_story,
        story_points,
        {{ reporting_week('created_at') }} as created_week,
        {{ reporting_week('started_at') }} as started_week,
        case when is_done then {{ reporting_week('resolved_at') }} end as done_week
    from {{ ref('fct_issues') }}
    where
        not is_excluded_team
        and (is_resolved or not is_missing)

),

flow as (

    select
        date,
        team,
        issue_type,
        issues_count
    from {{ ref('agg_flow_daily') }}
    where flow_category in ('in_progress', 'waiting')

),

now_at as (

    select
        {{ reporting_date(as_of()) }} as date,
        {{ reporting_week(as_of()) }} as week_start_date

),

slices as (

    select
        team,
        issue_type,
        is_story,
        min(created_week) as first_week
    from issues
    group by team, issue_type, is_story

),

weeks as (

    select
        slices.first_week + 7 * weeks_later.number as week_start_date,
        slices.team,
        slices.issue_type,
        slices.is_story
    from slices
    cross join now_at
    cross join lateral generate_series(
        0, (now_at.week_start_date - slices.first_week) / 7
    ) as weeks_later (number)

),

events as (

    select
        created_week as week_start_date,
        team,
        issue_type,
        'created' as event,
        null::numeric as story_points
    from issues

    union all

    select
        started_week as week_start_date,
        team,
        issue_type,
        'started' as event,
        null::numeric as story_points
    from issues

    union all

    select
        done_week as week_start_date,
        team,
        issue_type,
        'done' as event,
        story_points
    from issues

),

weeks_with_events as (

    select
        week_start_date,
        team,
        issue_type,
        count(*) filter (where event = 'created') as created_count,
        count(*) filter (where event = 'started') as started_count,
        count(*) filter (where event = 'done') as done_count,
        sum(story_points) as done_points
    from events
    where week_start_date is not null
    group by week_start_date, team, issue_type

),

work_in_progress as (

    select
        date,
        team,
        issue_type,
        sum(issues_count) as issues_count
    from flow
    group by date, team, issue_type

),

final as (

    select
        weeks.week_start_date,
        weeks.team,
        weeks.issue_type,
        coalesce(weeks_with_events.created_count, 0)::integer as created_count,
        coalesce(weeks_with_events.started_count, 0)::integer as started_count,
        coalesce(weeks_with_events.done_count, 0)::integer as done_count,
        coalesce(weeks_with_events.done_points, 0)::numeric(12, 2) as done_points,
        coalesce(work_in_progress.issues_count, 0)::integer as wip_count,
        weeks.week_start_date < now_at.week_start_date as is_complete,
        weeks.is_story
    from weeks
    cross join now_at
    left join weeks_with_events
        on
            weeks.week_start_date = weeks_with_events.week_start_date
            and weeks.team = weeks_with_events.team
            and weeks.issue_type = weeks_with_events.issue_type
    left join work_in_progress
        on
            least(weeks.week_start_date + 6, now_at.date) = work_in_progress.date
            and weeks.team = work_in_progress.team
            and weeks.issue_type = work_in_progress.issue_type

)

select * from final
