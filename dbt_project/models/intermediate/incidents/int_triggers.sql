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
trigger_hosts as (

    select
        triggers.source,
        triggers.trigger_id,
        hosts.host_id,
        hosts.host,
        hosts.is_monitored,
        hosts.host_groups,
        hosts.service,
        hosts.seen_at,
        coalesce(by_technical_name.site, by_name.site, hosts.site) as site,
        coalesce(by_technical_name.rack, by_name.rack, hosts.rack) as rack,
        coalesce(by_technical_name.position, by_name.position) as position
    from triggers
    cross join lateral unnest(triggers.host_ids) as listed (host_id)
    inner join hosts on triggers.source = hosts.source and listed.host_id = hosts.host_id
    left join host_racks as by_technical_name
        on hosts.technical_name = by_technical_name.host
    left join host_racks as by_name
        on hosts.host = by_name.host and by_technical_name.host is null

),

first_hosts as (

    select distinct on (source, trigger_id)
        source,
        trigger_id,
        host,
        host_groups[1] as host_group,
        site,
        rack,
        position
    from trigger_hosts
    order by source asc, trigger_id asc, host collate "C" asc, host_id asc

),

of_all_hosts as (

    select
        source,
        trigger_id,
        bool_or(is_monitored) as has_monitored_host,
        max(seen_at) as seen_at,
        array_agg(distinct coalesce(rack, '(none)')) as racks,
        (
            array_agg(service order by host collate "C" asc, host_id asc)
            filter (where service is not null)
        )[1] as service
    from trigger_hosts
    group by source, trigger_id

),

groups_of_all_hosts as (

    select
        trigger_hosts.source,
        trigger_hosts.trigger_id,
        array_agg(
            distinct listed.host_group collate "C" order by listed.host_group collate "C"
        ) as host_groups
    from trigger_hosts
    cross join lateral unnest(trigger_hosts.host_groups) as listed (host_group)
    group by trigger_hosts.source, trigger_hosts.trigger_id

),

final as (

    select
        triggers.source,
        triggers.trigger_id,
        first_hosts.host,
        first_hosts.host_group,
        first_hosts.site,
        first_hosts.rack,
        first_hosts.position,
        coalesce(triggers.service, of_all_hosts.service) as service,
        coalesce(of_all_hosts.racks, array['(none)']) as racks,
        coalesce(groups_of_all_hosts.host_groups, array['(none)']) as host_groups,
        triggers.is_enabled and coalesce(of_all_hosts.has_monitored_host, false) as is_monitored,
        of_all_hosts.seen_at
    from triggers
    left join first_hosts
        on
            triggers.source = first_hosts.source
            and triggers.trigger_id = first_hosts.trigger_id
    left join of_all_hosts
        on
            triggers.source = of_all_hosts.source
            and triggers.trigger_id = of_all_hosts.trigger_id
    left join groups_of_all_hosts
        on
            triggers.source = groups_of_all_hosts.source
            and triggers.trigger_id = groups_of_all_hosts.trigger_id

)

select * from final
