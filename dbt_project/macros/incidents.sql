{#- The CTE `incident_places`: where each of the CTE `incidents` (source, trigger_id, service) counts,
    each place once: every rack and host group of its trigger's hosts, its service, and `(all)`. -#}
{% macro incident_places() -%}
triggers as (

    select
        source,
        trigger_id,
        racks,
        host_groups
    from {{ ref('int_triggers') }}

),

incident_places as (

    select
        incidents.incident_id,
        places.place_kind,
        places.place
    from incidents
    left join triggers
        on incidents.source = triggers.source and incidents.trigger_id = triggers.trigger_id
    cross join lateral (
        select
            'all' as place_kind,
            '(all)' as place

        union all

        select
            'service' as place_kind,
            incidents.service as place

        union all

        select
            'rack' as place_kind,
            unnest(coalesce(triggers.racks, array['(none)'])) as place

        union all

        select
            'host_group' as place_kind,
            unnest(coalesce(triggers.host_groups, array['(none)'])) as place
    ) as places

)
{%- endmacro %}


{#- Until when an incident counts as open; its start where nobody knows until when it lasted: its
    trigger is gone, or nothing watches it any more. -#}
{% macro incident_counted_until() -%}
    case
        when end_kind = 'lost' or (end_kind = 'open' and not is_monitored) then started_at
        when end_kind = 'open' then greatest({{ as_of() }}, started_at)
        else ended_at
    end
{%- endmacro %}
