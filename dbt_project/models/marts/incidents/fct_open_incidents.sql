{{ config(materialized='view') }}

with

incidents as (

    select
        incident_id,
        source,
        trigger_id,
        trigger_name,
        host,
        host_group,
        host_groups,
        site,
        rack,
        position,
        service,
        severity,
        severity_name,
        severity_name_ru,
        started_at,
        is_acknowledged,
        is_suppressed_now,
        ticket,
        ticket_url,
        seen_at,
        loaded_at
    from {{ ref('int_incidents') }}
    where is_open and is_monitored

),

{{ said_of_incidents() }},

final as (

    select
        incidents.incident_id,
        incidents.source,
        incidents.trigger_id,
        incidents.trigger_name,
        incidents.host,
        incidents.host_group,
        incidents.host_groups,
        incidents.site,
        incidents.rack,
        incidents.position,
        incidents.service,
        incidents.severity,
        incidents.severity_name,
        incidents.severity_name_ru,
        incidents.started_at,
        said.acknowledged_at,
        incidents.is_acknowledged,
        case
            when incidents.is_acknowledged then coalesce(said.acknowledged_by, '(none)')
            else '(none)'
        end as acknowledged_by,
        coalesce(said.last_comment, '(none)') as last_comment,
        said.last_comment_at,
        incidents.is_suppressed_now as is_suppressed,
        incidents.ticket,
        incidents.ticket_url,
        incidents.seen_at,
        incidents.loaded_at
    from incidents
    left join said on incidents.incident_id = said.incident_id

)

select * from final
