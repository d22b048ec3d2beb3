with

sprints as (

    select
        id,
        board,
        name,
        status,
        archived,
        start_date,
        end_date,
        start_date_time,
        end_date_time,
        seen_at
    from {{ source('yandex_tracker', 'sprints') }}

),

final as (

    select
        id::text as sprint_id,
        (board ->> 'id')::text as board_id,
        name::text as sprint_name,
        coalesce(
            {{ yandex_tracker_moment('start_date_time') }},
            start_date::date::timestamp at time zone {{ timezone() }}
        ) as start_at,
        -- its last day is in
        coalesce(
            {{ yandex_tracker_moment('end_date_time') }},
            (end_date::date + 1)::timestamp at time zone {{ timezone() }}
            - interval '1 millisecond'
        ) as finish_at,
        coalesce(archived, false) or coalesce(status = 'archived', false) as is_archived,
        seen_at < max(seen_at) over () as is_missing
    from sprints

)

select * from final
