{#- The CTE `team_weeks`: what each team, and all of them together, did in each complete week. -#}
{% macro team_weeks() -%}
weekly as (

    select
        team,
        week_start_date,
        done_count
    from {{ ref('agg_throughput_weekly') }}
    where is_complete

),

team_weeks as (

    select
        week_start_date,
        case when grouping(team) = 1 then '(all)' else team end as team,
        sum(done_count)::integer as done_count
    from weekly
    group by grouping sets ((week_start_date, team), (week_start_date))

)
{%- endmacro %}


{#- What so many weeks may bring when each is drawn, with replacement, from the last complete ones.
    Computed and not simulated: S(k) adds one draw to S(k - 1), and counts of ways are whole numbers,
    so that nothing is rounded. Goes on after `with recursive` and these CTEs:

    team_weeks: team, week_start_date, done_count, of complete weeks
    as_of_weeks: team, as_of_week, the last week that a forecast may know

    and gives the CTE chances: of each team, as_of_week and weeks_ahead up to `draws` the done_count
    that may come out, in how many ways at least so much does (ways_at_least), and of how many ways
    (all_ways). A forecast with fewer than 4 weeks to draw from has no row. -#}
{% macro forecast_chances(draws) -%}
drawn_counts as (

    select
        as_of_weeks.team,
        as_of_weeks.as_of_week,
        team_weeks.done_count,
        count(*) as weeks_count
    from as_of_weeks
    inner join team_weeks
        on
            as_of_weeks.team = team_weeks.team
            and as_of_weeks.as_of_week >= team_weeks.week_start_date
            and as_of_weeks.as_of_week
            < team_weeks.week_start_date + 7 * {{ var('forecast_sample_weeks', 12) }}
    group by as_of_weeks.team, as_of_weeks.as_of_week, team_weeks.done_count

),

samples as (

    select
        team,
        as_of_week,
        sum(weeks_count)::integer as sample_weeks,
        array_agg(done_count order by done_count) as done_counts,
        array_agg(weeks_count order by done_count) as weeks_counts
    from drawn_counts
    group by team, as_of_week
    having sum(weeks_count) >= 4

),

sums as (

    select
        team,
        as_of_week,
        sample_weeks,
        done_counts,
        weeks_counts,
        0 as weeks_ahead,
        array[0] as totals,
        array[1::numeric] as ways
    from samples

    union all

    select
        sums.team,
        sums.as_of_week,
        sums.sample_weeks,
        sums.done_counts,
        sums.weeks_counts,
        sums.weeks_ahead + 1 as weeks_ahead,
        longer.totals,
        longer.ways
    from sums
    cross join lateral (
        select
            array_agg(counted.total order by counted.total) as totals,
            array_agg(counted.ways order by counted.total) as ways
        from (
            select
                shorter.total + drawn.done_count as total,
                sum(shorter.ways * drawn.weeks_count) as ways
            from unnest(sums.totals, sums.ways) as shorter (total, ways)
            cross join unnest(sums.done_counts, sums.weeks_counts) as drawn (done_count, weeks_count)
            group by shorter.total + drawn.done_count
        ) as counted
    ) as longer
    where sums.weeks_ahead < {{ draws }}

),

chances as (

    select
        sums.team,
        sums.as_of_week,
        sums.weeks_ahead,
        sums.sample_weeks,
        counted.done_count,
        sum(counted.ways) over (
            partition by sums.team, sums.as_of_week, sums.weeks_ahead
            order by counted.done_count desc
        ) as ways_at_least,
        sum(counted.ways) over (
            partition by sums.team, sums.as_of_week, sums.weeks_ahead
        ) as all_ways
    from sums
    cross join lateral unnest(sums.totals, sums.ways) as counted (done_count, ways)
    where sums.weeks_ahead > 0

)
{%- endmacro %}


{#- The largest number that the rows of `chances` reach with a confidence. A probability within 1e-9
    of it reaches it. -#}
{% macro promised(confidence) -%}
    max(done_count) filter (where ways_at_least >= ({{ confidence }} - 1e-9) * all_ways)
{%- endmacro %}
