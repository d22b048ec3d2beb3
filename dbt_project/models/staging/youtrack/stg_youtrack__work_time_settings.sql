with

work_time_settings as (

    select
        id,
        minutes_a_day,
        days_a_week,
        work_days,
        loaded_at
    from {{ source('youtrack', 'work_time_settings') }}

),

final as (

    select
        id::text as work_time_settings_id,
        minutes_a_day::integer,
        days_a_week::integer,
        work_days,
        loaded_at
    from work_time_settings

)

select * from final
