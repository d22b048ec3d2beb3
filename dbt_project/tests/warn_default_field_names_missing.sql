{{ config(severity='warn') }}

-- One warning for each var that nobody set and whose default names no project has. No measure is
-- made of a priority or a due date: who has none lacks nothing.
with

candidates as (

    {{ field_name_candidates() | indent(4) }}

),

field_roles as (

    select distinct role
    from {{ ref('stg_field_roles') }}

)

select
    'No project has a field named '
    || string_agg('"' || candidates.field_name || '"', ' or ' order by candidates.preference)
    || '; if yours has another name, set the var ' || candidates.role || '_field' as message
from candidates
left join field_roles on candidates.role = field_roles.role
where
    not candidates.is_configured
    and candidates.role not in ('priority', 'due_date')
    and field_roles.role is null
group by candidates.role
