with

incidents as (

    select
        incident_id,
        trigger_id,
        service,
        severity,
        started_at,
        {{ incident_counted_until() }} as counted_until,
        acknowledged_at
    from {{ ref('fct_incidents') }}
    where not is_suppressed

),

{{ trigger_places() }},

incident_hours as (

    select
        trigger_id,
        service,
        severity,
        started_at,
        counted_until,
        least(counted_until, acknowledged_at) as acknowledged_until,
        generate_series(
            date_trunc('hour', started_at, {{ timezone() }}), counted_until, interval '1 hour'
        ) as slot_start
    from incidents

),

-- One that ended on the hour was not open in the next. Whole microseconds add up exactly, and
-- faster than numeric does.
incident_slots as (

    select
        trigger_id,
        service,
        slot_start,
        severity,
        (started_at >= slot_start)::integer as incidents_started,
        round(1000000 * date_part(
            'epoch',
            least(counted_until, slot_start + interval '1 hour') - greatest(started_at, slot_start)
        )) as open_microseconds,
        greatest(
            round(1000000 * date_part(
                'epoch',
                least(acknowledged_until, slot_start + interval '1 hour')
                - greatest(started_at, slot_start)
            )),
            0
        ) as unacknowledged_microseconds
    from incident_hours
    where slot_start < counted_until or slot_start <= started_at

),

{% set sums -%}
        sum(incidents_started) as incidents_started,
        sum(open_microseconds) as open_microseconds,
        sum(unacknowledged_microseconds) as unacknowledged_microseconds,
        max(severity) as severity
{%- endset %}
by_service as (

    select
        service,
        slot_start,
        {{ sums }}
    from incident_slots
    group by service, slot_start

),

by_place as (

    select
        'all' as place_kind,
        '(all)' as place,
        slot_start,
        {{ sums }}
    from by_service
    group by slot_start

    union all

    select
        'service' as place_kind,
        service as place,
        slot_start,
        incidents_started,
        open_microseconds,
        unacknowledged_microseconds,
        severity
    from by_service

    union all

    select
        trigger_places.place_kind,
        trigger_places.place,
        incident_slots.slot_start,
        {{ sums }}
    from incident_slots
    inner join trigger_places on incident_slots.trigger_id = trigger_places.trigger_id
    group by trigger_places.place_kind, trigger_places.place, incident_slots.slot_start

),

final as (

    select
        place_kind,
        place,
        slot_start,
        {{ reporting_date('slot_start') }} as slot_date,
        extract(hour from slot_start at time zone {{ timezone() }})::integer as slot_hour,
        extract(isodow from slot_start at time zone {{ timezone() }})::integer as weekday,
        incidents_started::integer as incidents_started,
        (open_microseconds::numeric / 60000000)::numeric(12, 2) as open_minutes,
        (unacknowledged_microseconds::numeric / 60000000)::numeric(12, 2)
            as unacknowledged_minutes,
        severity as worst_severity
    from by_place

)

select * from final
