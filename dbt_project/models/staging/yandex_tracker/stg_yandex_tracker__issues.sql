with

issues as (

    select
        id,
        key,
        aliases,
        summary,
        queue,
        status,
        status_type,
        status_start_time,
        resolution,
        created_at,
        updated_at,
        resolved_at,
        type,
        priority,
        assignee,
        sprint,
        story_points,
        field_values,
        loaded_at
    from {{ source('yandex_tracker', 'issues') }}

),

final as (

    select
        id::text as issue_id,
        key::text as issue_id_readable,
        {{ yandex_tracker_list('aliases') }} as former_keys,
        (queue ->> 'id')::text as queue_id,
        (queue ->> 'key')::text as queue_key,
        summary::text as summary,
        {{ yandex_tracker_moment('created_at') }} as created_at,
        {{ yandex_tracker_moment('updated_at') }} as updated_at,
        {{ yandex_tracker_moment('resolved_at') }} as resolved_at,
        (status ->> 'id')::text as status_id,
        {{ yandex_tracker_text('status') }} as status,
        (status_type ->> 'key')::text as status_type,
        {{ yandex_tracker_moment('status_start_time') }} as status_started_at,
        coalesce(jsonb_typeof(resolution) <> 'null', false) as has_resolution,
        (resolution ->> 'id')::text as resolution_id,
        {{ yandex_tracker_text('resolution') }} as resolution,
        {{ yandex_tracker_list('sprint') }} as sprints,
        -- every field by its id, whether it has a column of its own or not
        coalesce(field_values, '{}') || jsonb_strip_nulls(jsonb_build_object(
            'type', type,
            'priority', priority,
            'assignee', assignee,
            'storyPoints', story_points
        )) as field_values,
        loaded_at
    from issues

)

select * from final
