with

problems as (

    select
        eventid,
        objectid,
        clock,
        ns,
        name,
        severity,
        acknowledged,
        r_eventid,
        suppressed,
        first_suppressed,
        is_listed,
        tags,
        loaded_at
    from {{ source('zabbix', 'events') }}
    where value = 1

),

recoveries as (

    select
        eventid,
        clock,
        ns,
        userid,
        c_eventid,
        correlationid
    from {{ source('zabbix', 'events') }}
    where value = 0

),

final as (

    select
        problems.eventid::text as incident_id,
        problems.objectid::text as trigger_id,
        problems.name as trigger_name,
        problems.severity::integer as severity,
        {{ zabbix_moment('problems') }} as started_at,
        -- a late value may bring a recovery that is older than its problem
        case
            when recoveries.eventid is not null
                then greatest(
                    {{ zabbix_moment('recoveries') }}, {{ zabbix_moment('problems') }}
                )
        end as ended_at,
        case
            when recoveries.userid <> 0 then 'by_hand'
            when recoveries.c_eventid <> 0 or recoveries.correlationid <> 0 then 'correlated'
            when recoveries.eventid is not null then 'recovered'
            when problems.is_listed and problems.r_eventid = 0 then 'open'
            -- its trigger is gone, or the recovery was purged before it was read
            else 'lost'
        end as end_kind,
        problems.is_listed and problems.r_eventid = 0 as is_open,
        problems.acknowledged as is_acknowledged,
        problems.suppressed as is_suppressed_now,
        problems.first_suppressed as is_suppressed_first,
        {{ zabbix_service('problems.tags') }} as service,
        problems.loaded_at
    from problems
    left join recoveries on problems.r_eventid = recoveries.eventid

)

select * from final
