-- What was done in the 4 weeks after a forecast is what the facts say of these dates.
with

checks as (

    select
        team,
        as_of_week,
        done_actual
    from {{ ref('fct_forecast_checks') }}

),

issues as (

    select
        team,
        issue_type,
        is_done,
        resolved_date,
        {{ reporting_week('created_at') }} as created_week
    from {{ ref('fct_issues') }}
    where
        not is_excluded_team
        and (is_resolved or not is_missing)

),

-- What is dated before the first creation of a team and type has no week.
first_weeks as (

    select
        team,
        issue_type,
        min(created_week) as first_week
    from issues
    group by team, issue_type

),

done_days as (

    select
        case when grouping(issues.team) = 1 then '(all)' else issues.team end as team,
        issues.resolved_date,
        count(*) as done_count
    from issues
    inner join first_weeks
        on
            issues.team = first_weeks.team
            and issues.issue_type = first_weeks.issue_type
            and issues.resolved_date >= first_weeks.first_week
    where issues.is_done
    group by grouping sets ((issues.resolved_date, issues.team), (issues.resolved_date))

),

expected as (

    select
        checks.team,
        checks.as_of_week,
        checks.done_actual,
        coalesce(sum(done_days.done_count), 0) as expected_count
    from checks
    left join done_days
        on
            checks.team = done_days.team
            and done_days.resolved_date between checks.as_of_week + 7 and checks.as_of_week + 34
    group by checks.team, checks.as_of_week, checks.done_actual

)

select
    'The check of team ' || team || ' as of the week of ' || as_of_week || ' counts '
    || done_actual || ' done issues, the facts ' || expected_count as message
from expected
where done_actual <> expected_count
