with

incidents as (

    select
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

{{ trigger_places() }},

placed as (

    select
        'all' as place_kind,
        '(all)' as place,
        incidents.*
    from incidents

    union all

    select
        'service' as place_kind,
        incidents.service as place,
        incidents.*
    from incidents

    union all

    select
        trigger_places.place_kind,
        trigger_places.place,
        incidents.*
    from incidents
    inner join trigger_places on incidents.trigger_id = trigger_places.trigger_id

),

cubed as (

    select
        place_kind,
        place,
        case
            when grouping(severity_name) = 1 then '(all)' else severity_name
        end as severity,
        case
            when grouping(severity_name) = 1 then '(all)'
            else min(severity_name_ru)
        end as severity_name_ru,
        case
            when grouping(started_quarter) = 1 then '(all)'
            else started_quarter
        end as quarter,
        count(*)::integer as incidents_count,
        count(minutes_to_restore)::integer as restored_count,
        count(acknowledged_at)::integer as acknowledged_count,
        percentile_cont(array[0.50, 0.75, 0.90]) within group (
            order by minutes_to_acknowledge
        ) as minutes_to_acknowledge,
        percentile_cont(array[0.50, 0.75, 0.90]) within group (
            order by minutes_to_restore
        ) as minutes_to_restore,
        count(*) filter (where is_acknowledged_in_time) as acknowledged_in_time_count,
        count(*) filter (where acknowledged_at is null) as never_acknowledged_count,
        count(*) filter (where end_kind = 'lost') as lost_count,
        count(*) filter (where end_kind = 'by_hand') as by_hand_count,
        count(*) filter (where is_noise) as noise_count,
        count(*) filter (where is_flapping) as flapping_count,
        bool_or(is_provisional) as is_provisional
    from placed
    group by
        place_kind,
        place,
        cube (severity_name, started_quarter)

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
