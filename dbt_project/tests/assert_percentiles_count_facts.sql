-- Each slice of the cube counts the facts once: the (all) row, and the rows of every dimension.
with

facts as (

    select count(*) as issues_count
    from {{ ref('fct_issues') }}
    where
        is_done
        and not is_excluded_team
        and not has_time_error
        and lead_time_days is not null

),

slices as (

    select
        team <> '(all)' as is_by_team,
        issue_type <> '(all)' as is_by_type,
        sprint <> '(all)' as is_by_sprint,
        quarter <> '(all)' as is_by_quarter,
        sum(issues_count) as issues_count
    from {{ ref('agg_lead_time_percentiles') }}
    group by is_by_team, is_by_type, is_by_sprint, is_by_quarter

),

expected_slices as (

    select
        by_team.is_by_team,
        by_type.is_by_type,
        by_sprint.is_by_sprint,
        by_quarter.is_by_quarter
    from (values (true), (false)) as by_team (is_by_team)
    cross join (values (true), (false)) as by_type (is_by_type)
    cross join (values (true), (false)) as by_sprint (is_by_sprint)
    cross join (values (true), (false)) as by_quarter (is_by_quarter)

)

select
    'A slice of the percentiles counts ' || coalesce(slices.issues_count, 0)
    || ' issues, the facts ' || facts.issues_count as message
from expected_slices
cross join facts
left join slices
    on
        expected_slices.is_by_team = slices.is_by_team
        and expected_slices.is_by_type = slices.is_by_type
        and expected_slices.is_by_sprint = slices.is_by_sprint
        and expected_slices.is_by_quarter = slices.is_by_quarter
where coalesce(slices.issues_count, 0) <> facts.issues_count
