with

spectrum as (

    select
        team,
        issue_type,
        sprint,
        quarter,
        sprint_start_date
    from {{ ref('agg_lead_time_spectrum') }}

),

throughput as (

    select
        team,
        issue_type,
        sprint,
        quarter,
        sprint_start_date
    from {{ ref('agg_sprint_throughput') }}

),

-- A sprint without a finished issue is in the throughput alone, an issue outside of every sprint in
-- the spectrum alone: a selector offers both.
final as (

    select * from spectrum
    union
    select * from throughput

)

select * from final
