with

triggers as (

    {{ union_monitorings('triggers', ['trigger_id', 'is_enabled', 'host_ids', 'service'])
        | indent(4) }}

),

hosts as (

    {{ union_monitorings('hosts', [
        'host_id', 'technical_name', 'host', 'is_monitored', 'host_groups', 'site', 'rack', 'service',
        'seen_at'
    ]) | indent(4) }}

),

host_racks as (

    select
        host,
        site,
        rack,
        position
    from {{ ref('host_racks') }}

),

-- A row of the seed means the host of this technical name, else the one that is shown by it.
placed_hosts as (

    select
        hosts.host_id,
        hosts.host,
        hosts.is_monitored,
        hosts.host_groups,
        hosts.service,
        hosts.seen_at,
        coalesce(by_technical_name.site, by_name.site, hosts.site) as site,
        coalesce(by_technical_name.rack, by_name.rack, hosts.rack) as rack,
        coalesce(by_technical_name.position, by_name.position) as position
    from hosts
    left join host_racks as by_technical_name
        on hosts.technical_name = by_technical_name.host
    left join host_racks as by_name
        on hosts.host = by_name.host and by_technical_name.host is null

),

-- One row per trigger, host and group of the host.
trigger_hosts as (

    select
        triggers.source,
        triggers.trigger_id,
        triggers.is_enabled,
        triggers.service,
        placed_hosts.host_id,
        placed_hosts.host,
        placed_hosts.is_monitored,
        placed_hosts.site,
        placed_hosts.rack,
        placed_hosts.position,
        placed_hosts.seen_at,
        placed_hosts.service as host_service,
        host_groups.host_group
    from triggers
    left join lateral jsonb_array_elements_text(triggers.host_ids) as host_ids (host_id) on true
    left join placed_hosts on host_ids.host_id = placed_hosts.host_id
    left join
        lateral jsonb_array_elements_text(placed_hosts.host_groups) as host_groups (host_group)
        on true

),

{% set by_name = 'order by host asc, host_id asc, host_group collate "C" asc' %}
final as (

    select
        source,
        trigger_id,
        (array_agg(host {{ by_name }}))[1] as host,
        (array_agg(host_group {{ by_name }}))[1] as host_group,
        (array_agg(site {{ by_name }}))[1] as site,
        (array_agg(rack {{ by_name }}))[1] as rack,
        (array_agg(position {{ by_name }}))[1] as position,
        coalesce(
            min(service), (array_agg(host_service {{ by_name }}) filter (
                where host_service is not null
            ))[1]
        ) as service,
        jsonb_agg(distinct coalesce(rack, '(none)')) as racks,
        jsonb_agg(distinct coalesce(host_group, '(none)')) as host_groups,
        string_agg(distinct coalesce(host_group collate "C", '(none)'), ', ') as host_group_list,
        bool_and(is_enabled) and coalesce(bool_or(is_monitored), false) as is_monitored,
        max(seen_at) as seen_at
    from trigger_hosts
    group by source, trigger_id

)

select * from final
