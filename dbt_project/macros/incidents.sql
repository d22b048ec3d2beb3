{#- The CTE `said`: what people did about each of the CTE `incidents`, if they did anything. An
    acknowledgement that was taken back was one. -#}
{% macro said_of_incidents() -%}
updates as (

    select
        update_id,
        incident_id,
        user_id,
        said_at,
        is_acknowledgement,
        message,
        old_severity
    from {{ ref('int_incident_updates') }}

),

said as (

    select
        incidents.incident_id,
        count(*) filter (where updates.is_acknowledgement)::integer as acknowledgement_count,
        min(updates.said_at) filter (where updates.is_acknowledgement) as acknowledged_at,
        (
            array_agg(updates.user_id order by updates.said_at desc, updates.update_id desc)
            filter (where updates.is_acknowledgement)
        )[1] as acknowledged_by,
        (
            array_agg(updates.message order by updates.said_at desc, updates.update_id desc)
            filter (where updates.message is not null)
        )[1] as last_comment,
        max(updates.said_at) filter (where updates.message is not null) as last_comment_at,
        (
            array_agg(updates.old_severity order by updates.said_at asc, updates.update_id asc)
            filter (where updates.old_severity is not null)
        )[1] as first_severity
    from incidents
    inner join updates on incidents.incident_id = updates.incident_id
    group by incidents.incident_id

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


{#- The CTE `trigger_places`: every rack and host group of the triggers of the CTE `incidents`, each
    once. The service is the incident's own. -#}
{% macro trigger_places() -%}
triggers as (

    select
        trigger_id,
        racks,
        host_groups
    from {{ ref('int_triggers') }}

),

places_of_triggers as (

    select
        incidents.trigger_id,
        coalesce(triggers.racks, '["(none)"]') as racks,
        coalesce(triggers.host_groups, '["(none)"]') as host_groups
    from (select distinct trigger_id from incidents) as incidents
    left join triggers on incidents.trigger_id = triggers.trigger_id

),

trigger_places as (

    select
        trigger_id,
        'rack' as place_kind,
        jsonb_array_elements_text(racks) as place
    from places_of_triggers

    union all

    select
        trigger_id,
        'host_group' as place_kind,
        jsonb_array_elements_text(host_groups) as place
    from places_of_triggers

)
{%- endmacro %}
