{{ config(severity='warn') }}

-- A calendar without any day has none to miss.
with

issues as (

    select
        extract(year from {{ reporting_date('created_at') }})::integer as first_year,
        extract(
            year from {{ reporting_date('coalesce(resolved_at, ' ~ as_of() ~ ')') }}
        )::integer as last_year
    from {{ ref('fct_issues') }}

),

calendar as (

    select extract(year from max(date))::integer as last_year
    from {{ ref('work_calendar_days') }}

),

years as (

    select generate_series(calendar.last_year + 1, max(issues.last_year)) as year
    from calendar
    cross join issues
    group by calendar.last_year

)

select
    'work_calendar_days.csv names no day of ' || years.year
    || ', whose holidays count as working days (issues: ' || count(*) || ')' as message
from years
inner join issues on years.year between issues.first_year and issues.last_year
group by years.year
