with

fields as (

    select
        id::text as field_id,
        key::text as field_key,
        name::text as field_name,
        (queue ->> 'id')::text as queue_id,
        seen_at < max(seen_at) over () as is_detached
    from {{ source('yandex_tracker', 'fields') }}

),

queues as (

    select queue_id
    from {{ ref('stg_yandex_tracker__queues') }}
    where {{ yandex_tracker_in_scope('queue_id') }}

),

-- A global field is one of every queue.
final as (

    select
        queues.queue_id as project_id,
        fields.field_id,
        fields.field_name,
        fields.field_key as localized_field_name,
        fields.queue_id is not null as is_local,
        fields.is_detached
    from fields
    inner join queues on coalesce(fields.queue_id, queues.queue_id) = queues.queue_id

)

select * from final
