with

users as (

    select
        id,
        login,
        type,
        loaded_at
    from {{ source('youtrack', 'users') }}

),

final as (

    select
        id::text as user_id,
        login::text,
        type::text as user_type,
        loaded_at
    from users

)

select * from final
