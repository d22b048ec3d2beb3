with

users as (

    select
        uid,
        login
    from {{ source('yandex_tracker', 'users') }}

),

final as (

    select
        uid::text as user_id,
        login::text as login
    from users

)

select * from final
