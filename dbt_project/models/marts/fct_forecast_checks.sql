with recursive

{{ team_weeks() }},

outcomes as (

    select
        team,
        week_start_date,
        (sum(done_count) over next_weeks)::integer as done_actual,
        count(*) over next_weeks as next_weeks_count,
        least(
            row_number() over (partition by team order by week_start_date),
            {{ var('forecast_sample_weeks', 12) }}
        ) as sample_weeks
    from team_weeks
    window
        next_weeks as (
            partition by team
            order by week_start_date
            rows between 1 following and 4 following
        )

),

checkable_weeks as (

    select
        team,
        week_start_date as as_of_week,
        done_actual,
        row_number() over (partition by team order by week_start_date desc) as weeks_back
    from outcomes
    where
        next_weeks_count = 4
        and sample_weeks >= 4

),

as_of_weeks as (

    select
        team,
        as_of_week,
        done_actual
    from checkable_weeks
    where weeks_back <= 52

),

{{ forecast_chances(4) }},

promises as (

    select
        team,
        as_of_week,
        {{ promised('0.50') }} as done_p50,
        {{ promised('0.85') }} as done_p85
    from chances
    where weeks_ahead = 4
    group by team, as_of_week

),

final as (

    select
        promises.team,
        promises.as_of_week,
        promises.done_p50,
        promises.done_p85,
        as_of_weeks.done_actual,
        as_of_weeks.done_actual >= promises.done_p50 as is_p50_met,
        as_of_weeks.done_actual >= promises.done_p85 as is_p85_met
    from promises
    inner join as_of_weeks
        on
            promises.team = as_of_weeks.team
            and promises.as_of_week = as_of_weeks.as_of_week

)

select * from final
