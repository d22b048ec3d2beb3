{{ config(materialized='table', indexes=[{'columns': ['date'], 'unique': true}]) }}

with

state_visits as (

    select entered_at
    from {{ ref('int_issue_state_visits') }}

),

issues as (

    select resolved_at
    from {{ ref('int_issues') }}

),

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
        is_working,
        opens_at,
        closes_at
    from {{ ref('work_calendar_days') }}

),

moments as (

    select entered_at as happened_at from state_visits

    union all

    select resolved_at as happened_at from issues

    union all

    select {{ as_of() }} as happened_at

),

bounds as (

    select
        {{ reporting_date('min(happened_at)') }} as first_date,
        {{ reporting_date('max(happened_at)') }} as last_date
    from moments

),

days as (

    select bounds.first_date + steps.days as date
    from bounds
    cross join generate_series(0, bounds.last_date - bounds.first_date) as steps (days)

),

first_hours as (

    select
        opens_at,
        closes_at
    from work_week
    order by weekday
    limit 1

),

-- Local times of day; null where nobody works.
hours as (

    select
        days.date,
        case
            when coalesce(exceptions.is_working, work_week.weekday is not null)
                then coalesce(exceptions.opens_at, work_week.opens_at, first_hours.opens_at)
        end as opens_at,
        case
            when coalesce(exceptions.is_working, work_week.weekday is not null)
                then coalesce(exceptions.closes_at, work_week.closes_at, first_hours.closes_at)
        end as closes_at
    from days
    left join exceptions on days.date = exceptions.date
    left join work_week on extract(isodow from days.date) = work_week.weekday
    left join first_hours on true

),

spans as (

    select
        date,
        (date + opens_at) at time zone {{ timezone() }} as opens_at,
        (date + closes_at) at time zone {{ timezone() }} as closes_at
    from hours

),

final as (

    select
        date,
        opens_at,
        closes_at,
        coalesce(
            sum(greatest(extract(epoch from closes_at - opens_at), 0)) over (
                order by date
                rows between unbounded preceding and 1 preceding
            ),
            0
        )::bigint as seconds_before
    from spans

)

select * from final
