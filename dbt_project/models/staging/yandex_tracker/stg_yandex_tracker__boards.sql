with

boards as (

    select
        id,
        name,
        filter,
        auto_filter_settings,
        query,
        seen_at
    from {{ source('yandex_tracker', 'boards') }}

),

final as (

    select
        id::text as board_id,
        name::text as board,
        filter,
        auto_filter_settings,
        query::text as query,
        seen_at < max(seen_at) over () as is_missing
    from boards

)

select * from final
