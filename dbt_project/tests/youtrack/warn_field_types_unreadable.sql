{{ config(severity='warn') }}

-- A lead time is a period or a number, an estimate a number; other types hold no value for them.
select distinct
    'The field "' || field_name || '" is of type ' || value_type || ', so that it gives no '
    || replace(role, '_', ' ') as message
from {{ ref('stg_youtrack__field_roles') }}
where
    (role = 'lead_time' and value_type not in ('period', 'integer', 'float'))
    or (role = 'story_points' and value_type not in ('integer', 'float', 'enum', 'string'))
    or (role = 'due_date' and value_type not in ('date', 'date and time'))
    or (role = 'state' and value_type not in ('state', 'enum'))
    or (role = 'sprint' and value_type <> 'version')
