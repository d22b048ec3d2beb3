with recursive

{{ team_weeks() }},

issues as (

    select team
    from {{ ref('fct_issues') }}
    where
        not is_excluded_team
        and not is_resolved
        and not is_missing

),

as_of_weeks as (

    select
        team,
        max(week_start_date) as as_of_week
    from team_weeks
    group by team

),

{{ forecast_chances(var('forecast_horizon_weeks', 13)) }},

open_issues as (

    select
        case when grouping(team) = 1 then '(all)' else team end as team,
        count(*) as open_count
    from issues
    group by grouping sets ((team), ())

),

chances_and_open as (

    select
        chances.*,
        coalesce(open_issues.open_count, 0)::integer as open_count
    from chances
    left join open_issues on chances.team = open_issues.team

),

final as (

    select
        team,
        weeks_ahead,
        sample_weeks,
        {{ promised('0.50') }} as done_p50,
        {{ promised('0.70') }} as done_p70,
        {{ promised('0.85') }} as done_p85,
        {{ promised('0.95') }} as done_p95,
        open_count,
        coalesce(
            max(ways_at_least) filter (where done_count >= open_count) / max(all_ways), 0
        )::numeric(5, 4) as probability_open_done
    from chances_and_open
    group by team, weeks_ahead, sample_weeks, open_count

)

select * from final
