with

statuses as (

    select
        id,
        name,
        type
    from {{ source('yandex_tracker', 'statuses') }}

),

final as (

    select
        id::text as status_id,
        name::text as status,
        type::text as status_type,
        {{ yandex_tracker_state_category('type') }} as state_category
    from statuses

)

select * from final
