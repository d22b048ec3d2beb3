-- The spectrum is additive: its sum is the number of done issues of included teams that have a
-- lead time, in every quarter.
with

issues as (

    select
        quarter,
        count(*) as issues_count
    from {{ ref('fct_issues') }}
    where
        is_done
        and not is_excluded_team
        and not has_time_error
        and lead_time_days is not null
    group by quarter

),

spectrum as (

    select
        quarter,
        sum(issues_count) as issues_count
    from {{ ref('agg_lead_time_spectrum') }}
    group by quarter

)

select
    'In the quarter ' || coalesce(issues.quarter, spectrum.quarter) || ' the spectrum counts '
    || coalesce(spectrum.issues_count, 0) || ' issues, the facts '
    || coalesce(issues.issues_count, 0) as message
from issues
full join spectrum on issues.quarter = spectrum.quarter
where issues.issues_count is distinct from spectrum.issues_count
