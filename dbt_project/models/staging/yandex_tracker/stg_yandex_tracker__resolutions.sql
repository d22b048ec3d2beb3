with

resolutions as (

    select
        id,
        name
    from {{ source('yandex_tracker', 'resolutions') }}

),

final as (

    select
        id::text as resolution_id,
        name::text as resolution
    from resolutions

)

select * from final
