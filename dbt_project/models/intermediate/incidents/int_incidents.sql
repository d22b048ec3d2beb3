with

problems as (

    {{ union_monitorings('problems', [
        'incident_id', 'trigger_id', 'trigger_name', 'severity', 'started_at', 'ended_at',
        'end_kind', 'is_open', 'is_acknowledged', 'is_suppressed_now', 'is_suppressed_first',
        'service', 'loaded_at'
    ]) | indent(4) }}

),

triggers as (

    select
        trigger_id,
        host,
        host_group,
        host_group_list,
        site,
        rack,
        position,
        service,
        is_monitored,
        seen_at
    from {{ ref('int_triggers') }}

),

severity_names as (

    select
        severity,
        name,
        name_ru
    from {{ ref('severity_names') }}

),

tickets as (

    select
        incident_id,
        ticket,
        ticket_url
    from {{ source('ops', 'tickets') }}
    where ticket is not null

),

final as (

    select
        problems.incident_id,
        problems.source,
        problems.trigger_id,
        problems.severity,
        problems.started_at,
        problems.ended_at,
        problems.end_kind,
        problems.is_open,
        problems.is_acknowledged,
        problems.is_suppressed_now,
        problems.is_suppressed_first,
        triggers.seen_at,
        problems.loaded_at,
        coalesce(nullif(problems.trigger_name, ''), '(none)') as trigger_name,
        coalesce(triggers.host, '(none)') as host,
        coalesce(triggers.host_group, '(none)') as host_group,
        coalesce(triggers.host_group_list, '(none)') as host_groups,
        coalesce(triggers.site, '(none)') as site,
        coalesce(triggers.rack, '(none)') as rack,
        coalesce(triggers.position, '(none)') as position,
        coalesce(problems.service, triggers.service, '(none)') as service,
        coalesce(severity_names.name, problems.severity::text) as severity_name,
        coalesce(severity_names.name_ru, problems.severity::text) as severity_name_ru,
        coalesce(triggers.is_monitored, false) as is_monitored,
        coalesce(tickets.ticket, '(none)') as ticket,
        coalesce(tickets.ticket_url, '(none)') as ticket_url
    from problems
    left join triggers on problems.trigger_id = triggers.trigger_id
    left join severity_names on problems.severity = severity_names.severity
    left join tickets on problems.incident_id = tickets.incident_id
    where problems.severity >= {{ var('incident_min_severity', 2) }}

)

select * from final
