-- Every number of days falls into exactly one bucket: the buckets begin at 0, follow each other
-- without a gap or an overlap, and the last one has no end.
with

buckets as (

    select
        label,
        from_day,
        to_day,
        lag(to_day, 1, 0) over (order by position) as previous_to_day,
        lead(from_day) over (order by position) as next_from_day
    from {{ ref('lead_time_buckets') }}

)

select
    'The bucket "' || label || '" of lead_time_buckets.csv covers '
    || coalesce(from_day::text, '?') || ' to ' || coalesce(to_day::text, 'the end')
    || ', but the buckets must follow each other from 0 on, and only the last be open' as message
from buckets
where
    from_day is distinct from previous_to_day
    or (to_day is null) <> (next_from_day is null)
    or to_day <= from_day
