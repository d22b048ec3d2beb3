-- Of several state fields somebody has to say which one counts.
with

custom_fields as (

    select
        project_id,
        field_name
    from {{ ref('stg_youtrack__custom_fields') }}
    where
        value_type = 'state'
        and not is_detached
        and {{ youtrack_in_scope('project_id') }}

),

projects as (

    select
        project_id,
        project_short_name
    from {{ ref('stg_youtrack__projects') }}

),

state_roles as (

    select project_id
    from {{ ref('stg_youtrack__field_roles') }}
    where role = 'state'

)

select
    'The project ' || coalesce(projects.project_short_name, custom_fields.project_id)
    || ' has several state fields: '
    || string_agg(custom_fields.field_name, ', ' order by custom_fields.field_name)
    || '. Name the one that counts in the var state_field' as message
from custom_fields
left join projects on custom_fields.project_id = projects.project_id
left join state_roles on custom_fields.project_id = state_roles.project_id
where state_roles.project_id is null
group by custom_fields.project_id, projects.project_short_name
having count(*) > 1
