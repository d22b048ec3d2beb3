{{ config(materialized='table', indexes=[{'columns': ['issue_id'], 'unique': true}]) }}

with

issues as (

    select
        issue_id,
        issue_id_readable,
        number_in_project,
        project_id,
        project_short_name,
        summary,
        created_at,
        updated_at,
        resolved_at,
        loaded_at
    from {{ ref('stg_youtrack__issues') }}
    where
        not is_draft
        and {{ youtrack_in_scope('project_id') }}

),

projects as (

    select
        project_id,
        project_short_name
    from {{ ref('stg_youtrack__projects') }}

),

issue_values as (

    select
        issue_id,
        project_id,
        field_id,
        place,
        value_id,
        value_text,
        login,
        is_resolved,
        value_number,
        value_minutes
    from {{ ref('stg_youtrack__issue_values') }}

),

field_roles as (

    select
        role,
        project_id,
        field_id,
        value_type
    from {{ ref('stg_youtrack__field_roles') }}
    where role <> 'sprint'

),

field_values as (

    select
        project_id,
        field_id,
        value_id,
        value_name,
        ordinal,
        is_resolved,
        is_initial,
        is_detached,
        loaded_at
    from {{ ref('stg_youtrack__field_values') }}

),

value_names as (

    select distinct on (value_id)
        value_id,
        value_name
    from field_values
    order by value_id asc, loaded_at desc

),

users as (

    select
        user_id,
        login
    from {{ ref('stg_youtrack__users') }}

),

issue_census as (

    select
        issue_id,
        missed_sweeps,
        swept_at
    from {{ ref('stg_youtrack__issue_census') }}

),

role_values as (

    select
        issue_values.issue_id,
        issue_values.project_id,
        issue_values.field_id,
        field_roles.role,
        issue_values.place,
        issue_values.value_id,
        issue_values.value_text,
        issue_values.login,
        issue_values.is_resolved,
        case
            when field_roles.value_type not in ('date', 'date and time')
                then issue_values.value_number
        end as value_number,
        case field_roles.value_type
            when 'date' then ({{ moment_of('issue_values.value_number') }} at time zone 'UTC')::date
            when 'date and time'
                then {{ reporting_date(moment_of('issue_values.value_number')) }}
        end as value_date,
        issue_values.value_minutes
    from issue_values
    inner join field_roles
        on
            issue_values.project_id = field_roles.project_id
            and issue_values.field_id = field_roles.field_id

),

-- Names go stale on issues, so they are looked up by id; a value sent without id, by name.
resolved_values as (

    select
        role_values.issue_id,
        role_values.role,
        role_values.value_number,
        role_values.value_date,
        role_values.value_minutes,
        role_values.place,
        coalesce(field_values.ordinal, named_values.ordinal) as ordinal,
        coalesce(role_values.value_id, named_values.value_id) as value_id,
        coalesce(
            value_names.value_name, users.login, role_values.login, role_values.value_text
        ) as value_text,
        coalesce(
            field_values.is_resolved, named_values.is_resolved, role_values.is_resolved
        ) as is_resolved,
        coalesce(field_values.is_initial, named_values.is_initial) as is_initial
    from role_values
    left join field_values
        on
            role_values.project_id = field_values.project_id
            and role_values.field_id = field_values.field_id
            and role_values.value_id = field_values.value_id
    left join field_values as named_values
        on
            role_values.value_id is null
            and role_values.project_id = named_values.project_id
            and role_values.field_id = named_values.field_id
            and role_values.value_text = named_values.value_name
            and not named_values.is_detached
    left join value_names on role_values.value_id = value_names.value_id
    left join users on role_values.value_id = users.user_id

),

pivoted as (

    select
        issue_id,
        max(value_id) filter (where role = 'state') as state_id,
        max(value_text) filter (where role = 'state') as state,
        bool_or(is_resolved) filter (where role = 'state') as is_state_resolved,
        bool_or(is_initial) filter (where role = 'state') as is_state_initial,
        {{ joined_values('value_text', 'ordinal') }} filter (where role = 'team') as team,
        {{ joined_values('value_text', 'ordinal') }} filter (where role = 'type') as issue_type,
        string_agg(value_text, ', ' order by place) filter (where role = 'assignee') as assignee,
        {{ joined_values('value_text', 'ordinal') }} filter (where role = 'story_points')
            as estimate,
        {{ joined_values('value_text', 'ordinal') }} filter (where role = 'priority') as priority,
        min(value_date) filter (where role = 'due_date') as due_date,
        max(value_number) filter (where role = 'lead_time') as lead_time_number,
        max(value_minutes) filter (where role = 'lead_time') as lead_time_period_minutes
    from resolved_values
    group by issue_id

),

final as (

    select
        issues.issue_id,
        coalesce(
            projects.project_short_name || '-' || issues.number_in_project,
            issues.issue_id_readable
        ) as issue_id_readable,
        issues.project_id,
        coalesce(projects.project_short_name, issues.project_short_name) as project,
        issues.summary,
        issues.created_at,
        issues.updated_at,
        issues.resolved_at,
        pivoted.state_id,
        pivoted.state,
        case
            when pivoted.state is not null
                then {{ youtrack_state_category(
                    'pivoted.is_state_resolved', 'pivoted.is_state_initial'
                ) }}
        end as state_category,
        pivoted.team,
        pivoted.issue_type,
        pivoted.assignee,
        pivoted.estimate,
        {{ points_of('pivoted.estimate') }} as story_points,
        pivoted.lead_time_number,
        pivoted.lead_time_period_minutes,
        pivoted.priority,
        pivoted.due_date,
        -- YouTrack tells a resolution by the state; links are not loaded
        null::text as resolution,
        null::text as parent_id_readable,
        null::text as epic_id_readable,
        coalesce(
            issue_census.missed_sweeps >= 2 and issues.loaded_at < issue_census.swept_at, false
        ) as is_missing
    from issues
    left join projects on issues.project_id = projects.project_id
    left join pivoted on issues.issue_id = pivoted.issue_id
    left join issue_census on issues.issue_id = issue_census.issue_id

)

select * from final
