with

issues as (

    select
        team,
        issue_type,
        sprint,
        quarter,
        lead_time_day,
        lead_time_bucket,
        lead_time_bucket_order,
        sprint_start_date,
        is_story
    from {{ ref('fct_issues') }}
    where
        is_done
        and not is_excluded_team
        and not has_time_error
        and lead_time_days is not null

),

final as (

    select
        team,
        issue_type,
        sprint,
        quarter,
        lead_time_day,
        lead_time_bucket,
        lead_time_bucket_order,
        sprint_start_date,
        is_story,
        count(*)::integer as issues_count
    from issues
    group by
        team,
        issue_type,
        sprint,
        quarter,
        lead_time_day,
        lead_time_bucket,
        lead_time_bucket_order,
        sprint_start_date,
        is_story

)

select * from final
