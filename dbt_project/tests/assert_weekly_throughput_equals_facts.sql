-- Over all weeks of a team and type the sums are those of the facts. What is dated before the first
-- creation or after now has no week.
with

weekly as (

    select
        week_start_date,
        team,
        issue_type,
        created_count,
        started_count,
        done_count,
        done_points
    from {{ ref('agg_throughput_weekly') }}

),

sums as (

    select
        team,
        issue_type,
        min(week_start_date) as first_date,
        max(week_start_date) + 6 as last_date,
        sum(created_count) as created_count,
        sum(started_count) as started_count,
        sum(done_count) as done_count,
        sum(done_points) as done_points
    from weekly
    group by team, issue_type

),

facts as (

    select
        team,
        issue_type,
        is_done,
        story_points,
        resolved_date,
        {{ reporting_date('created_at') }} as created_date,
        {{ reporting_date('started_at') }} as started_date
    from {{ ref('fct_issues') }}
    where
        not is_excluded_team
        and (is_resolved or not is_missing)

),

expected_sums as (

    select
        sums.team,
        sums.issue_type,
        count(*) filter (
            where facts.created_date between sums.first_date and sums.last_date
        ) as created_count,
        count(*) filter (
            where facts.started_date between sums.first_date and sums.last_date
        ) as started_count,
        count(*) filter (
            where facts.is_done and facts.resolved_date between sums.first_date and sums.last_date
        ) as done_count,
        coalesce(sum(facts.story_points) filter (
            where facts.is_done and facts.resolved_date between sums.first_date and sums.last_date
        ), 0) as done_points
    from sums
    inner join facts on sums.team = facts.team and sums.issue_type = facts.issue_type
    group by sums.team, sums.issue_type

),

absent as (

    select
        facts.team,
        facts.issue_type
    from facts
    left join sums on facts.team = sums.team and facts.issue_type = sums.issue_type
    where
        sums.team is null
        and facts.created_date <= {{ reporting_date(as_of()) }}

)

select
    'The weeks of team ' || sums.team || ', type ' || sums.issue_type
    || ' do not add up to its issues' as message
from sums
left join expected_sums
    on sums.team = expected_sums.team and sums.issue_type = expected_sums.issue_type
where
    sums.created_count is distinct from expected_sums.created_count
    or sums.started_count is distinct from expected_sums.started_count
    or sums.done_count is distinct from expected_sums.done_count
    or sums.done_points is distinct from expected_sums.done_points

union all

select 'No week of team ' || team || ', type ' || issue_type || ' counts its issues' as message
from absent
