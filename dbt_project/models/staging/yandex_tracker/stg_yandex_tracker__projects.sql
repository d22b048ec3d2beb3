with

queues as (

    select
        queue_id,
        queue_key
    from {{ ref('stg_yandex_tracker__queues') }}

),

final as (

    select
        queue_id as project_id,
        queue_key as project_short_name
    from queues

)

select * from final
