-- Where the issues stand today is where the facts have them; done there is done here.
with

facts as (

    select
        team,
        issue_type,
        case
            when is_done then 'done'
            when is_cancelled then 'cancelled'
            when state_category in ('in_progress', 'todo') then state_category
            when state_category = '(none)' then 'todo'
            else 'waiting'
        end as flow_category,
        count(*) as issues_count
    from {{ ref('fct_issues') }}
    where
        not is_excluded_team
        and (is_resolved or not is_missing)
        and created_at <= {{ as_of() }}
    group by team, issue_type, flow_category

),

flow as (

    select
        team,
        issue_type,
        flow_category,
        issues_count
    from {{ ref('agg_flow_daily') }}
    where date = {{ reporting_date(as_of()) }}

)

select
    'Team ' || coalesce(facts.team, flow.team) || ' has '
    || coalesce(flow.issues_count, 0) || ' issues of type '
    || coalesce(facts.issue_type, flow.issue_type) || ' '
    || coalesce(facts.flow_category, flow.flow_category) || ' in the flow of today, '
    || coalesce(facts.issues_count, 0) || ' in the facts' as message
from facts
full join flow
    on
        facts.team = flow.team
        and facts.issue_type = flow.issue_type
        and facts.flow_category = flow.flow_category
where coalesce(facts.issues_count, 0) <> coalesce(flow.issues_count, 0)
