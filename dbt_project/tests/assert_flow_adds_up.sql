-- A day's issues are those of the day before, and who came, less who left. Who leaves one category
-- enters another: over all of them, only creations remain.
with

flow as (

    select
        date,
        team,
        issue_type,
        flow_category,
        issues_count,
        entered_count,
        left_count
    from {{ ref('agg_flow_daily') }}

),

levels as (

    select
        coalesce(today.date, yesterday.date + 1) as date,
        coalesce(today.team, yesterday.team) as team,
        coalesce(today.issue_type, yesterday.issue_type) as issue_type,
        coalesce(today.flow_category, yesterday.flow_category) as flow_category,
        coalesce(today.issues_count, 0) as issues_count,
        coalesce(yesterday.issues_count, 0)
        + coalesce(today.entered_count, 0)
        - coalesce(today.left_count, 0) as expected_count
    from flow as today
    full join flow as yesterday
        on
            today.date = yesterday.date + 1
            and today.team = yesterday.team
            and today.issue_type = yesterday.issue_type
            and today.flow_category = yesterday.flow_category
    where coalesce(today.date, yesterday.date + 1) <= {{ reporting_date(as_of()) }}

),

issues as (

    select
        {{ reporting_date('created_at') }} as date,
        team,
        issue_type,
        count(*) as created_count
    from {{ ref('fct_issues') }}
    where
        not is_excluded_team
        and (is_resolved or not is_missing)
        and created_at <= {{ as_of() }}
    group by {{ reporting_date('created_at') }}, team, issue_type

),

arrivals as (

    select
        date,
        team,
        issue_type,
        sum(entered_count) - sum(left_count) as arrived_count
    from flow
    group by date, team, issue_type

)

select
    'The flow of ' || date || ', team ' || team || ', type ' || issue_type || ' holds '
    || issues_count || ' issues ' || flow_category || ', the day before and the moves make '
    || expected_count as message
from levels
where issues_count <> expected_count

union all

select
    'The flow of ' || coalesce(issues.date, arrivals.date) || ', team '
    || coalesce(issues.team, arrivals.team) || ', type '
    || coalesce(issues.issue_type, arrivals.issue_type) || ' has '
    || coalesce(arrivals.arrived_count, 0) || ' arrivals, the facts '
    || coalesce(issues.created_count, 0) || ' creations' as message
from issues
full join arrivals
    on
        issues.date = arrivals.date
        and issues.team = arrivals.team
        and issues.issue_type = arrivals.issue_type
where coalesce(issues.created_count, 0) <> coalesce(arrivals.arrived_count, 0)
