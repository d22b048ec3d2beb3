with

issue_census as (

    select
        issue_id,
        project_id,
        missed_sweeps,
        swept_at,
        seen_at,
        loaded_at
    from {{ source('youtrack', 'issue_census') }}

),

final as (

    select
        issue_id::text,
        project_id::text,
        missed_sweeps::integer,
        swept_at,
        seen_at,
        loaded_at
    from issue_census

)

select * from final
