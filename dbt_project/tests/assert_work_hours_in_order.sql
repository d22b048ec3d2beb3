-- Work begins before it ends, on each day on which there is any; and there is such a day.
with

work_week as (

    select
        weekday,
        opens_at,
        closes_at
    from {{ ref('work_week') }}

),

exceptions as (

    select
        date,
        opens_at,
        closes_at
    from {{ ref('work_calendar_days') }}
    where is_working

),

first_hours as (

    select
        opens_at,
        closes_at
    from work_week
    order by weekday
    limit 1

),

hours as (

    select
        'Weekday ' || weekday || ' of work_week.csv' as day,
        opens_at,
        closes_at
    from work_week

    union all

    select
        exceptions.date || ' of work_calendar_days.csv' as day,
        coalesce(exceptions.opens_at, work_week.opens_at, first_hours.opens_at) as opens_at,
        coalesce(exceptions.closes_at, work_week.closes_at, first_hours.closes_at) as closes_at
    from exceptions
    left join work_week on extract(isodow from exceptions.date) = work_week.weekday
    left join first_hours on true

)

select
    day || ' is worked from ' || coalesce(opens_at::text, '?') || ' to '
    || coalesce(closes_at::text, '?') || ', but hours begin and end in this order' as message
from hours
where (opens_at < closes_at) is not true

union all

select 'work_week.csv and work_calendar_days.csv name no working day' as message
where not exists (select 1 from hours)
