with

queues as (

    select
        id,
        key,
        name
    from {{ source('yandex_tracker', 'queues') }}

),

final as (

    select
        id::text as queue_id,
        key::text as queue_key,
        name::text as queue_name
    from queues

)

select * from final
