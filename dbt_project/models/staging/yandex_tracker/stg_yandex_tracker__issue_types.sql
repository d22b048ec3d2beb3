with

issue_types as (

    select
        id,
        name
    from {{ source('yandex_tracker', 'issue_types') }}

),

final as (

    select
        id::text as issue_type_id,
        name::text as issue_type
    from issue_types

)

select * from final
