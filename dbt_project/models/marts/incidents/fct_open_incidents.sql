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
        acknowledged_at,
        is_acknowledged,
        acknowledged_by,
        last_comment,
        last_comment_at,
        is_suppressed_now,
        ticket,
        ticket_url,
        seen_at,
        loaded_at
    from {{ ref('int_incidents') }}
    where is_open and is_monitored

),

final as (

    select
        incident_id,
        source,
        trigger_id,
        trigger_name,
        host,
        host_group,
        array_to_string(host_groups, ', ') as host_groups,
        site,
        rack,
        position,
        service,
        severity,
        severity_name,
        severity_name_ru,
        started_at,
        acknowledged_at,
        is_acknowledged,
        case when is_acknowledged then acknowledged_by else '(none)' end as acknowledged_by,
        last_comment,
        last_comment_at,
        is_suppressed_now as is_suppressed,
        ticket,
        ticket_url,
        seen_at,
        loaded_at
    from incidents

)

select * from final
