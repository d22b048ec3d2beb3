with

incidents as (

    select
        incident_id,
        source,
        trigger_id,
        service,
        severity_name,
        severity_name_ru,
        started_quarter,
        acknowledged_at,
        minutes_to_acknowledge,
        minutes_to_restore,
        end_kind,
        is_acknowledged_in_time,
        is_noise,
        is_flapping,
        is_provisional
    from {{ ref('fct_incidents') }}
    where not is_suppressed

),

{{ incident_places() }},

cubed as (

    select
        incident_places.place_kind,
        incident_places.place,
        case
            when grouping(incidents.severity_name) = 1 then '(all)' else incidents.severity_name
        end as severity,
        case
            when grouping(incidents.severity_name) = 1 then '(all)'
            else min(incidents.severity_name_ru)
        end as severity_name_ru,
        case
            when grouping(incidents.started_quarter) = 1 then '(all)'
            else incidents.started_quarter
        end as quarter,
        count(*)::integer as incidents_count,
        count(incidents.minutes_to_restore)::integer as restored_count,
        count(incidents.acknowledged_at)::integer as acknowledged_count,
        percentile_cont(array[0.50, 0.75, 0.90]) within group (
            order by incidents.minutes_to_acknowledge
        ) as minutes_to_acknowledge,
        percentile_cont(array[0.50, 0.75, 0.90]) within group (
            order by incidents.minutes_to_restore
        ) as minutes_to_restore,
        count(*) filter (where incidents.is_acknowledged_in_time) as acknowledged_in_time_count,
        count(*) filter (where incidents.acknowledged_at is null) as never_acknowledged_count,
        count(*) filter (where incidents.end_kind = 'lost') as lost_count,
        count(*) filter (where incidents.end_kind = 'by_hand') as by_hand_count,
        count(*) filter (where incidents.is_noise) as noise_count,
        count(*) filter (where incidents.is_flapping) as flapping_count,
        bool_or(incidents.is_provisional) as is_provisional
    from incidents
    inner join incident_places on incidents.incident_id = incident_places.incident_id
    group by
        incident_places.place_kind,
        incident_places.place,
        cube (incidents.severity_name, incidents.started_quarter)

),

final as (

    select
        place_kind,
        place,
        severity,
        severity_name_ru,
        quarter,
        incidents_count,
        restored_count,
        acknowledged_count,
        {% for measure in ['acknowledge', 'restore'] %}
            {% for percent in [50, 75, 90] %}
                round(minutes_to_{{ measure }}[{{ loop.index }}]::numeric, 2)::numeric(12, 2)
                    as p{{ percent }}_minutes_to_{{ measure }},
            {% endfor %}
        {% endfor %}
        {% for kind in [
            'acknowledged', 'acknowledged_in_time', 'never_acknowledged', 'lost', 'by_hand', 'noise',
            'flapping'
        ] %}
            ({{ kind }}_count::numeric / incidents_count)::numeric(5, 4) as {{ kind }}_share,
        {% endfor %}
        is_provisional
    from cubed

)

select * from final
