with

triggers as (

    select
        triggerid,
        status,
        hosts,
        tags
    from {{ source('zabbix', 'triggers') }}

),

final as (

    select
        triggers.triggerid::text as trigger_id,
        triggers.status = 0 as is_enabled,
        jsonb_path_query_array(triggers.hosts, '$[*].hostid') as host_ids,
        {{ zabbix_service('triggers.tags') }} as service
    from triggers

)

select * from final
