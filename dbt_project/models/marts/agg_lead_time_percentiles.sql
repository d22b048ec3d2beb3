with

issues as (

    select
        team,
        issue_type,
        sprint,
        quarter,
        lead_time_days,
        sprint_start_date
    from {{ ref('fct_issues') }}
    where
        is_done
        and not is_excluded_team
        and not has_time_error
        and lead_time_days is not null

),

cubed as (

    select
        case when grouping(team) = 1 then '(all)' else team end as team,
        case when grouping(issue_type) = 1 then '(all)' else issue_type end as issue_type,
        case when grouping(sprint) = 1 then '(all)' else sprint end as sprint,
        case when grouping(quarter) = 1 then '(all)' else quarter end as quarter,
        count(*)::integer as issues_count,
        percentile_cont(array[0.10, 0.25, 0.50, 0.75, 0.85, 0.90, 0.95]) within group (
            order by lead_time_days
        ) as percentiles,
        avg(lead_time_days) as mean_days,
        case when grouping(sprint) = 0 then min(sprint_start_date) end as sprint_start_date
    from issues
    group by cube (team, issue_type, sprint, quarter)
    having count(*) > 0

),

final as (

    select
        team,
        issue_type,
        sprint,
        quarter,
        issues_count,
        round(percentiles[1]::numeric, 2)::numeric(12, 2) as p10,
        round(percentiles[2]::numeric, 2)::numeric(12, 2) as p25,
        round(percentiles[3]::numeric, 2)::numeric(12, 2) as p50,
        round(percentiles[4]::numeric, 2)::numeric(12, 2) as p75,
        round(percentiles[5]::numeric, 2)::numeric(12, 2) as p85,
        round(percentiles[6]::numeric, 2)::numeric(12, 2) as p90,
        round(percentiles[7]::numeric, 2)::numeric(12, 2) as p95,
        round(mean_days, 2)::numeric(12, 2) as mean_days,
        sprint_start_date
    from cubed

)

select * from final
