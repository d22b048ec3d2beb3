select
    acknowledgeid as update_id,
    eventid::text as incident_id,
    userid::text as user_id,
    to_timestamp(clock) as said_at,
    {{ zabbix_has_bit(2) }} as is_acknowledgement,
    case when {{ zabbix_has_bit(4) }} then nullif(message, '') end as message,
    case when {{ zabbix_has_bit(8) }} then old_severity::integer end as old_severity
from {{ source('zabbix', 'acknowledgements') }}
