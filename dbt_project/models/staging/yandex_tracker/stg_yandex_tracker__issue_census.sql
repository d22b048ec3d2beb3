with

issue_census as (

    select
        issue_id,
        missed_sweeps,
        swept_at
    from {{ source('yandex_tracker', 'issue_census') }}

),

final as (

    select
        issue_id::text as issue_id,
        missed_sweeps::integer as missed_sweeps,
        swept_at
    from issue_census

)

select * from final
