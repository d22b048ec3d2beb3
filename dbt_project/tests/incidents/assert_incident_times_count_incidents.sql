-- Of each severity and quarter, and of all, every place counts what is open or over there, once.
with

facts as (

    select count(*) as incidents_count
    from {{ ref('fct_incidents') }}
    where not is_suppressed

),

slices as (

    select
        place_kind,
        severity = '(all)' as is_all_severities,
        quarter = '(all)' as is_all_quarters,
        sum(incidents_count) as incidents_count
    from {{ ref('agg_incident_times') }}
    where place_kind in ('all', 'service')
    group by place_kind, is_all_severities, is_all_quarters

)

select
    'The times of ' || slices.place_kind || ' count ' || slices.incidents_count
    || ' incidents, the facts ' || facts.incidents_count as message
from slices
cross join facts
where slices.incidents_count <> facts.incidents_count
