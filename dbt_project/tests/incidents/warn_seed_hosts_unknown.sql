{{ config(severity='warn') }}

-- A misspelt host stands nowhere.
with

hosts as (

    {{ union_monitorings('hosts', ['technical_name', 'host']) | indent(4) }}

)

select 'host_racks.csv names the host "' || host_racks.host || '", which nobody has' as message
from {{ ref('host_racks') }} as host_racks
where
    host_racks.host not in (select hosts.technical_name from hosts)
    and host_racks.host not in (select hosts.host from hosts)
