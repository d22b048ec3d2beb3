-- Every week follows the one before, up to the present one, which alone is not complete.
with

weeks as (

    select
        week_start_date,
        team,
        issue_type,
        is_complete,
        lead(week_start_date) over (
            partition by team, issue_type order by week_start_date
        ) as next_week
    from {{ ref('agg_throughput_weekly') }}

)

select
    'The week ' || week_start_date || ' of team ' || team || ', type ' || issue_type
    || ' is not followed by the next' as message
from weeks
where
    coalesce(next_week, {{ reporting_week(as_of()) }} + 7) <> week_start_date + 7
    or is_complete <> (next_week is not null)
