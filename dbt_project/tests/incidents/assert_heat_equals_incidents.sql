-- The hours of all places together hold what the incidents hold; rounding is a hundredth a row.
with

facts as (

    select
        count(*) as incidents_count,
        sum(
            greatest(
                extract(epoch from {{ incident_counted_until() }} - started_at) / 60, 0
            )
        ) as open_minutes
    from {{ ref('fct_incidents') }}
    where not is_suppressed

),

slots as (

    select
        place_kind,
        count(*) as slots_count,
        sum(incidents_started) as incidents_count,
        sum(open_minutes) as open_minutes
    from {{ ref('agg_incident_heat') }}
    where place_kind in ('all', 'service')
    group by place_kind

)

select
    'The hours of ' || slots.place_kind || ' hold ' || slots.incidents_count || ' incidents and '
    || slots.open_minutes || ' minutes, the facts ' || facts.incidents_count || ' and '
    || round(facts.open_minutes, 2) as message
from slots
cross join facts
where
    slots.incidents_count <> facts.incidents_count
    or abs(slots.open_minutes - facts.open_minutes) > 0.01 * slots.slots_count
