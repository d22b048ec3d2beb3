with

problems as (

    {{ union_monitorings('problems', [
        'incident_id', 'trigger_id', 'trigger_name', 'severity', 'started_at', 'ended_at',
        'end_kind', 'is_open', 'is_acknowledged', 'is_suppressed_now', 'is_suppressed_first',
        'service', 'loaded_at'
    ]) | indent(4) }}

),

acknowledgements as (

    {{ union_monitorings('acknowledgements', [
        'acknowledgement_id', 'incident_id', 'user_id', 'said_at', 'is_acknowledgement', 'message',
        'old_severity'
    ]) | indent(4) }}

),

triggers as (

    select
        source,
        trigger_id,
        host,
        host_group,
        host_groups,
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
        source,
        incident_id,
        ticket,
        ticket_url
    from {{ source('ops', 'tickets') }}
    where ticket is not null

),

-- What people have said of each incident. An acknowledgement that was taken back was one.
said as (

    select
        source,
        incident_id,
        count(*) filter (where is_acknowledgement)::integer as acknowledgement_count,
        min(said_at) filter (where is_acknowledgement) as acknowledged_at,
        (
            array_agg(user_id order by said_at desc, acknowledgement_id desc)
            filter (where is_acknowledgement)
        )[1] as acknowledged_by,
        (
            array_agg(message order by said_at desc, acknowledgement_id desc)
            filter (where message is not null)
        )[1] as last_comment,
        max(said_at) filter (where message is not null) as last_comment_at,
        (
            array_agg(old_severity order by said_at asc, acknowledgement_id asc)
            filter (where old_severity is not null)
        )[1] as first_severity
    from acknowledgements
    group by source, incident_id

),

final as (

    select
        problems.incident_id,
        problems.source,
        problems.trigger_id,
        problems.severity,
        problems.started_at,
        said.acknowledged_at,
        problems.ended_at,
        problems.end_kind,
        problems.is_open,
        problems.is_acknowledged,
        problems.is_suppressed_now,
        problems.is_suppressed_first,
        said.last_comment_at,
        triggers.seen_at,
        problems.loaded_at,
        coalesce(nullif(problems.trigger_name, ''), '(none)') as trigger_name,
        coalesce(triggers.host, '(none)') as host,
        coalesce(triggers.host_group, '(none)') as host_group,
        coalesce(triggers.host_groups, array['(none)']) as host_groups,
        coalesce(triggers.site, '(none)') as site,
        coalesce(triggers.rack, '(none)') as rack,
        coalesce(triggers.position, '(none)') as position,
        coalesce(problems.service, triggers.service, '(none)') as service,
        coalesce(said.first_severity, problems.severity) as first_severity,
        coalesce(severity_names.name, problems.severity::text) as severity_name,
        coalesce(severity_names.name_ru, problems.severity::text) as severity_name_ru,
        coalesce(said.acknowledgement_count, 0) as acknowledgement_count,
        coalesce(said.acknowledged_by, '(none)') as acknowledged_by,
        coalesce(said.last_comment, '(none)') as last_comment,
        coalesce(triggers.is_monitored, false) as is_monitored,
        coalesce(tickets.ticket, '(none)') as ticket,
        coalesce(tickets.ticket_url, '(none)') as ticket_url
    from problems
    left join said
        on problems.source = said.source and problems.incident_id = said.incident_id
    left join triggers
        on problems.source = triggers.source and problems.trigger_id = triggers.trigger_id
    left join severity_names on problems.severity = severity_names.severity
    left join tickets
        on problems.source = tickets.source and problems.incident_id = tickets.incident_id
    where problems.severity >= {{ var('incident_min_severity', 2) }}

)

select * from final
