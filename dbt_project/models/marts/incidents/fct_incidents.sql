with

incidents as (

    select
        incident_id,
        source,
        trigger_id,
        trigger_name,
        host,
        host_group,
        site,
        rack,
        position,
        service,
        severity,
        severity_name,
        severity_name_ru,
        started_at,
        ended_at,
        end_kind,
        is_suppressed_first,
        is_monitored,
        ticket,
        ticket_url
    from {{ ref('int_incidents') }}

),

{{ said_of_incidents() }},

-- Nobody knows how long a lost one was open: it takes no time.
placed as (

    select
        incident_id,
        trigger_id,
        started_at,
        count(*) over (
            partition by trigger_id
            order by started_at
            range between interval '{{ var("flap_minutes", 60) }} minutes' preceding and current row
        ) >= {{ var('flap_count', 5) }} as ends_flapping,
        coalesce(
            started_at >= max(
                case end_kind
                    when 'open' then 'infinity'
                    when 'lost' then started_at
                    else ended_at
                end
            ) over (
                partition by trigger_id
                order by started_at asc, length(incident_id) asc, incident_id collate "C" asc
                rows between unbounded preceding and 1 preceding
            ),
            true
        ) as begins_episode
    from incidents

),

numbered as (

    select
        incident_id,
        trigger_id,
        bool_or(ends_flapping) over (
            partition by trigger_id
            order by started_at
            range between current row and interval '{{ var("flap_minutes", 60) }} minutes' following
        ) as is_flapping,
        count(*) filter (where begins_episode) over (
            partition by trigger_id
            order by started_at asc, length(incident_id) asc, incident_id collate "C" asc
        ) as episode_number
    from placed

),

runs_of_triggers as (

    select
        incident_id,
        is_flapping,
        first_value(incident_id) over (
            partition by trigger_id, episode_number
            order by length(incident_id) asc, incident_id collate "C" asc
        ) as episode_id
    from numbered

),

measured as (

    select
        incidents.*,
        said.acknowledged_at,
        runs_of_triggers.is_flapping,
        runs_of_triggers.episode_id,
        coalesce(said.first_severity, incidents.severity) as first_severity,
        coalesce(said.acknowledgement_count, 0) as acknowledgement_count,
        extract(epoch from incidents.ended_at - incidents.started_at) / 60 as minutes_open,
        case
            when said.acknowledged_at is not null
                -- of a value that came late, people may have known before
                then greatest(
                    extract(epoch from said.acknowledged_at - incidents.started_at) / 60, 0
                )
        end as minutes_to_acknowledge
    from incidents
    inner join runs_of_triggers on incidents.incident_id = runs_of_triggers.incident_id
    left join said on incidents.incident_id = said.incident_id

),

final as (

    select
        incident_id,
        source,
        trigger_id,
        trigger_name,
        host,
        host_group,
        site,
        rack,
        position,
        service,
        severity,
        first_severity,
        severity_name,
        severity_name_ru,
        started_at,
        acknowledged_at,
        ended_at,
        end_kind,
        minutes_open::numeric(12, 2) as minutes_open,
        minutes_to_acknowledge::numeric(12, 2) as minutes_to_acknowledge,
        case when end_kind in ('recovered', 'correlated') then minutes_open end::numeric(12, 2)
            as minutes_to_restore,
        is_suppressed_first as is_suppressed,
        is_flapping,
        coalesce(minutes_open < {{ var('incident_noise_minutes', 5) }}, false)
        and acknowledged_at is null
        and ticket = '(none)' as is_noise,
        is_monitored,
        started_at > {{ as_of() }} - interval '1 day' * {{ var('incident_settling_days', 7) }}
            as is_provisional,
        episode_id,
        acknowledgement_count,
        coalesce(minutes_to_acknowledge <= {{ var('incident_acknowledge_minutes', 15) }}, false)
            as is_acknowledged_in_time,
        ticket,
        ticket_url,
        {{ reporting_date('started_at') }} as started_date,
        {{ reporting_quarter('started_at') }} as started_quarter
    from measured

)

select * from final
