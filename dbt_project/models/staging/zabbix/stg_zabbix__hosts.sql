with

hosts as (

    select
        hostid,
        -- names stand in one order, whatever the database's locale
        host collate "C" as host,
        name collate "C" as name,
        status,
        groups,
        tags,
        inventory,
        seen_at
    from {{ source('zabbix', 'hosts') }}

),

host_groups as (

    select
        groupid,
        name collate "C" as name
    from {{ source('zabbix', 'host_groups') }}

),

final as (

    select
        hosts.hostid::text as host_id,
        hosts.host as technical_name,
        coalesce(nullif(hosts.name, ''), hosts.host) as host,
        -- one that is no longer listed is watched no longer
        hosts.status = 0 and hosts.seen_at = max(hosts.seen_at) over () as is_monitored,
        (
            select coalesce(jsonb_agg(host_groups.name order by host_groups.name), '[]')
            from jsonb_array_elements(hosts.groups) as listed (host_group)
            inner join host_groups
                on (listed.host_group ->> 'groupid')::bigint = host_groups.groupid
        ) as host_groups,
        coalesce(
            nullif(hosts.inventory ->> 'location', ''), nullif(hosts.inventory ->> 'site_city', '')
        ) as site,
        nullif(hosts.inventory ->> 'site_rack', '') as rack,
        {{ zabbix_service('hosts.tags') }} as service,
        hosts.seen_at
    from hosts

)

select * from final
