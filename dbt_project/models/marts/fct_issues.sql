with

issues as (

    select
        issue_id,
        issue_id_readable,
        project,
        summary,
        team,
        issue_type,
        state,
        state_category,
        assignee,
        story_points,
        created_at,
        updated_at,
        resolved_at,
        is_resolved,
        is_excluded_team,
        is_missing,
        has_history_mismatch,
        tracker,
        priority,
        due_date,
        resolution,
        parent_id_readable,
        epic_id_readable,
        moved_at
    from {{ ref('int_issues') }}

),

lead_times as (

    select
        issue_id,
        is_done,
        is_cancelled,
        started_at,
        lead_time_days,
        lead_time_source,
        cycle_time_days,
        has_time_error
    from {{ ref('int_issue_lead_times') }}

),

flow_times as (

    select
        issue_id,
        lead_time_work_hours,
        cycle_time_work_hours,
        active_days,
        waiting_days,
        flow_efficiency,
        is_wip,
        wip_age_days,
        state_age_days,
        reopened_count
    from {{ ref('int_issue_flow_times') }}

),

issue_sprints as (

    select
        issue_id,
        sprint,
        sprint_start_date
    from {{ ref('int_issue_sprints') }}

),

buckets as (

    select
        label,
        from_day,
        to_day,
        position
    from {{ ref('lead_time_buckets') }}

),

final as (

    select
        issues.issue_id,
        coalesce(issues.issue_id_readable, '(none)') as issue_id_readable,
        coalesce(issues.project, '(none)') as project,
        coalesce(issues.summary, '(none)') as summary,
        coalesce(issues.team, '(none)') as team,
        coalesce(issues.issue_type, '(none)') as issue_type,
        coalesce(issues.state, '(none)') as state,
        issues.state_category,
        coalesce(issues.assignee, '(none)') as assignee,
        case
            when lead_times.is_done then coalesce(issue_sprints.sprint, '(none)') else '(none)'
        end as sprint,
        case
            when lead_times.is_done then {{ reporting_quarter('issues.resolved_at') }}
            else '(none)'
        end as quarter,
        lead_times.lead_time_source,
        coalesce(buckets.label, '(none)') as lead_time_bucket,
        lead_times.lead_time_days,
        lead_times.cycle_time_days,
        issues.story_points::numeric(12, 2) as story_points,
        floor(lead_times.lead_time_days)::integer as lead_time_day,
        buckets.position as lead_time_bucket_order,
        issues.is_resolved,
        lead_times.is_done,
        lead_times.is_cancelled,
        {{ is_story('issues.issue_type') }} as is_story,
        issues.is_excluded_team,
        issues.is_missing,
        issues.has_history_mismatch,
        lead_times.has_time_error,
        flow_times.lead_time_work_hours,
        flow_times.cycle_time_work_hours,
        flow_times.active_days,
        flow_times.waiting_days,
        flow_times.flow_efficiency,
        flow_times.is_wip,
        flow_times.wip_age_days,
        flow_times.state_age_days,
        flow_times.reopened_count,
        issues.created_at,
        lead_times.started_at,
        issues.resolved_at,
        issues.updated_at,
        {{ reporting_date('issues.resolved_at') }} as resolved_date,
        case when lead_times.is_done then issue_sprints.sprint_start_date end as sprint_start_date,
        issues.tracker,
        coalesce(issues.priority, '(none)') as priority,
        issues.due_date,
        coalesce(issues.resolution, '(none)') as resolution,
        coalesce(issues.parent_id_readable, '(none)') as parent_id_readable,
        coalesce(issues.epic_id_readable, '(none)') as epic_id_readable,
        issues.moved_at
    from issues
    inner join lead_times on issues.issue_id = lead_times.issue_id
    inner join flow_times on issues.issue_id = flow_times.issue_id
    left join issue_sprints on issues.issue_id = issue_sprints.issue_id
    left join buckets
        on
            lead_times.lead_time_days >= buckets.from_day
            and (lead_times.lead_time_days < buckets.to_day or buckets.to_day is null)

)

select * from final
