with

incidents as (

    select
        incident_id,
        source,
        trigger_id,
        service,
        severity,
        started_at,
        {{ incident_counted_until() }} as counted_until,
        acknowledged_at
    from {{ ref('fct_incidents') }}
    where not is_suppressed

),

{{ incident_places() }},

incident_hours as (

    select
        incident_id,
        severity,
        started_at,
        counted_until,
        least(counted_until, acknowledged_at) as acknowledged_until,
        generate_series(
            date_trunc('hour', started_at, {{ timezone() }}), counted_until, interval '1 hour'
        ) as slot_start
    from incidents

),

-- One that ended on the hour was not open in the next.
incident_slots as (

    select
        incident_id,
        severity,
        slot_start,
        started_at >= slot_start as is_start,
        extract(
            epoch from
            least(counted_until, slot_start + interval '1 hour') - greatest(started_at, slot_start)
        ) / 60 as open_minutes,
        greatest(
            extract(
                epoch from
                least(acknowledged_until, slot_start + interval '1 hour')
                - greatest(started_at, slot_start)
            ) / 60,
            0
        ) as unacknowledged_minutes
    from incident_hours
    where slot_start < counted_until or slot_start <= started_at

),

summed as (

    select
        incident_places.place_kind,
        incident_places.place,
        incident_slots.slot_start,
        count(*) filter (where incident_slots.is_start)::integer as incidents_started,
        sum(incident_slots.open_minutes) as open_minutes,
        sum(incident_slots.unacknowledged_minutes) as unacknowledged_minutes,
        max(incident_slots.severity) as worst_severity
    from incident_slots
    inner join incident_places on incident_slots.incident_id = incident_places.incident_id
    group by incident_places.place_kind, incident_places.place, incident_slots.slot_start

),

final as (

    select
        place_kind,
        place,
        slot_start,
        {{ reporting_date('slot_start') }} as slot_date,
        extract(hour from slot_start at time zone {{ timezone() }})::integer as slot_hour,
        extract(isodow from slot_start at time zone {{ timezone() }})::integer as weekday,
        incidents_started,
        open_minutes::numeric(12, 2) as open_minutes,
        unacknowledged_minutes::numeric(12, 2) as unacknowledged_minutes,
        worst_severity
    from summed

)

select * from final
