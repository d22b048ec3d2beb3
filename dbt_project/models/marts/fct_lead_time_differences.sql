with

issues as (

    select
        issue_id,
        issue_id_readable,
        project,
        team,
        issue_type,
        quarter,
        lead_time_source,
        lead_time_days,
        created_at,
        resolved_at
    from {{ ref('fct_issues') }}

),

compared as (

    select
        issue_id,
        issue_id_readable,
        project,
        team,
        issue_type,
        quarter,
        lead_time_days as stamped_days,
        {{ days_between('created_at', 'resolved_at') }} as computed_days,
        created_at,
        resolved_at
    from issues
    where
        lead_time_source = 'field'
        and resolved_at >= created_at

),

final as (

    select
        issue_id,
        issue_id_readable,
        project,
        team,
        issue_type,
        quarter,
        stamped_days,
        computed_days::numeric(12, 2) as computed_days,
        (stamped_days - computed_days)::numeric(12, 2) as difference_days,
        created_at,
        resolved_at
    from compared
    where abs(stamped_days - computed_days) > 1

)

select * from final
