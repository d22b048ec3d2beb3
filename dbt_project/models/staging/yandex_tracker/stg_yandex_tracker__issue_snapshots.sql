{{ config(materialized='table', indexes=[{'columns': ['issue_id'], 'unique': true}]) }}

{%- set resolved_by = one_of('resolved_by', ['status_type', 'resolution']) %}

with

issues as (

    select
        issue_id,
        issue_id_readable,
        queue_id,
        queue_key,
        summary,
        created_at,
        updated_at,
        resolved_at,
        status_id,
        status,
        status_type,
        status_started_at,
        has_resolution,
        resolution_id,
        resolution,
        field_values,
        loaded_at
    from {{ ref('stg_yandex_tracker__issues') }}
    where {{ yandex_tracker_in_scope('queue_id') }}

),

issue_keys as (

    select
        issue_id,
        issue_id_readable
    from {{ ref('stg_yandex_tracker__issues') }}

),

queues as (

    select
        queue_id,
        queue_key
    from {{ ref('stg_yandex_tracker__queues') }}

),

statuses as (

    select
        status_id,
        status,
        state_category
    from {{ ref('stg_yandex_tracker__statuses') }}

),

issue_types as (

    select
        issue_type_id,
        issue_type
    from {{ ref('stg_yandex_tracker__issue_types') }}

),

resolutions as (

    select
        resolution_id,
        resolution
    from {{ ref('stg_yandex_tracker__resolutions') }}

),

users as (

    select
        user_id,
        login
    from {{ ref('stg_yandex_tracker__users') }}

),

seed_categories as (

    select
        state,
        category
    from {{ ref('state_categories') }}

),

last_resolutions as (

    select distinct on (issue_id)
        issue_id,
        to_resolved_at
    from {{ ref('stg_yandex_tracker__resolution_changes') }}
    order by issue_id asc, entry_number desc

),

issue_census as (

    select
        issue_id,
        missed_sweeps,
        swept_at
    from {{ ref('stg_yandex_tracker__issue_census') }}

),

role_values as (

    select
        issues.issue_id,
        max(field_roles.field_id) filter (where field_roles.role = 'type') as type_field_id,
    {% for role in [
        'team', 'type', 'assignee', 'story_points', 'lead_time', 'priority', 'due_date'
    ] %}
        jsonb_agg(issues.field_values -> field_roles.field_id)
        filter (where field_roles.role = '{{ role }}')
        -> 0 as {{ role }}_value{{ "," if not loop.last }}
    {% endfor %}
    from issues
    inner join {{ ref('stg_yandex_tracker__field_roles') }} as field_roles
        on issues.queue_id = field_roles.project_id
    group by issues.issue_id

),

named as (

    select
        issues.*,
        coalesce(statuses.status, issues.status) as state,
        coalesce(
            statuses.state_category, {{ yandex_tracker_state_category('issues.status_type') }}
        ) as tracker_category,
        last_resolutions.to_resolved_at as recorded_at
    from issues
    left join statuses on issues.status_id = statuses.status_id
    left join last_resolutions on issues.issue_id = last_resolutions.issue_id

),

-- The moment of a resolution is the entry into it; Tracker's own where it lies after that.
resolved as (

    select
        named.*,
        case '{{ resolved_by }}'
            when 'resolution' then named.has_resolution
            else
                {{ state_category(
                    'named.state', 'seed_categories.category', 'named.tracker_category'
                ) }}
                in ('done', 'cancelled')
        end as is_resolved
    from named
    left join seed_categories
        on {{ fold_case('named.state') }} = {{ fold_case('seed_categories.state') }}

),

final as (

    select
        resolved.issue_id,
        resolved.issue_id_readable,
        resolved.queue_id as project_id,
        coalesce(queues.queue_key, resolved.queue_key) as project,
        resolved.summary,
        resolved.created_at,
        resolved.updated_at,
        case
            when resolved.is_resolved
                then coalesce(
                    greatest(resolved.recorded_at, resolved.resolved_at),
                    resolved.status_started_at,
                    resolved.created_at
                )
        end as resolved_at,
        resolved.status_id as state_id,
        resolved.state,
        resolved.tracker_category as state_category,
        {{ yandex_tracker_text('role_values.team_value') }} as team,
        coalesce(
            case when role_values.type_field_id = 'type' then issue_types.issue_type end,
            {{ yandex_tracker_text('role_values.type_value') }}
        ) as issue_type,
        coalesce(users.login, {{ yandex_tracker_text('role_values.assignee_value') }})
            as assignee,
        {{ yandex_tracker_text('role_values.story_points_value') }} as estimate,
        {{ points_of(yandex_tracker_text('role_values.story_points_value')) }} as story_points,
        case
            when jsonb_typeof(role_values.lead_time_value) = 'number'
                then role_values.lead_time_value::numeric
        end as lead_time_number,
        {{ yandex_tracker_minutes('role_values.lead_time_value') }} as lead_time_period_minutes,
        {{ yandex_tracker_text('role_values.priority_value') }} as priority,
        {{ yandex_tracker_day('role_values.due_date_value') }} as due_date,
        coalesce(resolutions.resolution, resolved.resolution) as resolution,
        coalesce(parents.issue_id_readable, resolved.field_values #>> '{parent,key}')
            as parent_id_readable,
        coalesce(epics.issue_id_readable, resolved.field_values #>> '{epic,key}')
            as epic_id_readable,
        coalesce(
            issue_census.missed_sweeps >= 2 and resolved.loaded_at < issue_census.swept_at, false
        ) as is_missing
    from resolved
    left join queues on resolved.queue_id = queues.queue_id
    left join role_values on resolved.issue_id = role_values.issue_id
    left join issue_types on role_values.type_value ->> 'id' = issue_types.issue_type_id
    left join users on role_values.assignee_value ->> 'id' = users.user_id
    left join resolutions on resolved.resolution_id = resolutions.resolution_id
    left join issue_keys as parents
        on resolved.field_values #>> '{parent,id}' = parents.issue_id
    left join issue_keys as epics
        on resolved.field_values #>> '{epic,id}' = epics.issue_id
    left join issue_census on resolved.issue_id = issue_census.issue_id

)

select * from final
