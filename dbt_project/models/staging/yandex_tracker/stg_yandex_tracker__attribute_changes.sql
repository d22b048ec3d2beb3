{{ config(materialized='table', indexes=[{'columns': ['attribute']}]) }}

with

issues as (

    select
        issue_id,
        queue_id,
        created_at
    from {{ ref('stg_yandex_tracker__issues') }}
    where {{ yandex_tracker_in_scope('queue_id') }}

),

field_changes as (

    select
        issue_id,
        entry_number,
        changed_at,
        field_id,
        from_value,
        to_value
    from {{ ref('stg_yandex_tracker__field_changes') }}

),

field_roles as (

    select
        role,
        project_id,
        field_id
    from {{ ref('stg_yandex_tracker__field_roles') }}
    where role in ('team', 'type', 'story_points')

),

queues as (

    select
        queue_id,
        queue_key
    from {{ ref('stg_yandex_tracker__queues') }}

),

issue_types as (

    select
        issue_type_id,
        issue_type
    from {{ ref('stg_yandex_tracker__issue_types') }}

),

queue_changes as (

    select
        issue_id,
        entry_number,
        changed_at,
        from_value,
        to_value
    from field_changes
    where field_id = 'queue'

),

-- In which queue the issue was, entry by entry; a move belongs to both.
queue_stays as (

    select
        issue_id,
        to_value ->> 'id' as queue_id,
        entry_number as first_entry,
        lead(entry_number, 1, 9223372036854775807) over in_order as last_entry
    from queue_changes
    window in_order as (partition by issue_id order by entry_number)

    union all

    select
        issues.issue_id,
        coalesce(first_changes.from_value ->> 'id', issues.queue_id) as queue_id,
        0 as first_entry,
        coalesce(first_changes.entry_number, 9223372036854775807) as last_entry
    from issues
    left join (
        select distinct on (issue_id)
            issue_id,
            entry_number,
            from_value
        from queue_changes
        order by issue_id asc, entry_number asc
    ) as first_changes on issues.issue_id = first_changes.issue_id

),

-- Where a move takes one queue's field from the issue and gives it another's, that is one change.
role_changes as (

    select
        changes.issue_id,
        changes.attribute,
        changes.entry_number,
        changes.changed_at,
        max(changes.from_value_id) as from_value_id,
        max(changes.from_value) as from_value,
        max(changes.to_value_id) as to_value_id,
        max(changes.to_value) as to_value
    from (
        select distinct
            field_changes.issue_id,
            field_roles.role as attribute,
            field_changes.entry_number,
            field_changes.changed_at,
            field_changes.field_id,
            field_changes.from_value ->> 'id' as from_value_id,
            coalesce(
                case when field_changes.field_id = 'type' then from_types.issue_type end,
                {{ yandex_tracker_text('field_changes.from_value') }}
            ) as from_value,
            field_changes.to_value ->> 'id' as to_value_id,
            coalesce(
                case when field_changes.field_id = 'type' then to_types.issue_type end,
                {{ yandex_tracker_text('field_changes.to_value') }}
            ) as to_value
        from field_changes
        inner join queue_stays
            on
                field_changes.issue_id = queue_stays.issue_id
                and field_changes.entry_number
                between queue_stays.first_entry and queue_stays.last_entry
        inner join field_roles
            on
                queue_stays.queue_id = field_roles.project_id
                and field_changes.field_id = field_roles.field_id
        left join issue_types as from_types
            on field_changes.from_value ->> 'id' = from_types.issue_type_id
        left join issue_types as to_types
            on field_changes.to_value ->> 'id' = to_types.issue_type_id
    ) as changes
    group by changes.issue_id, changes.attribute, changes.entry_number, changes.changed_at

),

changes as (

    select
        issue_id,
        attribute,
        entry_number,
        changed_at,
        from_value_id,
        from_value,
        null as from_category,
        to_value_id,
        to_value,
        null as to_category
    from role_changes

    union all

    select
        issue_id,
        'state' as attribute,
        entry_number,
        changed_at,
        from_status_id as from_value_id,
        from_status as from_value,
        from_category,
        to_status_id as to_value_id,
        to_status as to_value,
        to_category
    from {{ ref('stg_yandex_tracker__status_changes') }}

    union all

    select
        queue_changes.issue_id,
        'project' as attribute,
        queue_changes.entry_number,
        queue_changes.changed_at,
        queue_changes.from_value ->> 'id' as from_value_id,
        coalesce(from_queues.queue_key, queue_changes.from_value ->> 'key') as from_value,
        null as from_category,
        queue_changes.to_value ->> 'id' as to_value_id,
        coalesce(to_queues.queue_key, queue_changes.to_value ->> 'key') as to_value,
        null as to_category
    from queue_changes
    left join queues as from_queues on queue_changes.from_value ->> 'id' = from_queues.queue_id
    left join queues as to_queues on queue_changes.to_value ->> 'id' = to_queues.queue_id

    union all

    select
        issue_id,
        'resolution' as attribute,
        entry_number,
        changed_at,
        null as from_value_id,
        {{ yandex_tracker_milliseconds('from_resolved_at') }} as from_value,
        null as from_category,
        null as to_value_id,
        {{ yandex_tracker_milliseconds('to_resolved_at') }} as to_value,
        null as to_category
    from {{ ref('stg_yandex_tracker__resolution_changes') }}

),

final as (

    select
        changes.issue_id,
        changes.attribute,
        row_number() over (
            partition by changes.issue_id, changes.attribute
            order by changes.entry_number
        ) as change_number,
        greatest(changes.changed_at, issues.created_at) as changed_at,
        false as is_of_replaced_field,
        changes.from_value_id,
        changes.from_value,
        changes.from_category,
        changes.to_value_id,
        changes.to_value,
        changes.to_category
    from changes
    inner join issues on changes.issue_id = issues.issue_id

)

select * from final
