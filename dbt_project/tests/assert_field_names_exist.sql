-- A field name that somebody set and no project has is a typing error, never an empty column. The
-- name of a field that was detached is none beside another name: it tells of the past.
with

candidates as (

    {{ field_name_candidates() | indent(4) }}

),

fields as (

    select
        field_name,
        localized_field_name,
        is_detached
    from {{ ref('stg_fields') }}

),

-- Downstream of the roles, so that nothing is built on a wrong name.
field_roles as (

    select array_agg(distinct role) as roles
    from {{ ref('stg_field_roles') }}

),

existing_names as (

    select string_agg(names.field_name, ', ' order by names.field_name) as field_names
    from (
        select distinct field_name
        from fields
        where not is_detached
    ) as names

)

select
    'The var ' || candidates.role || '_field names "' || candidates.field_name
    || '", but no project has such a field. Fields that exist: '
    || coalesce(existing_names.field_names, 'none') as message
from candidates
cross join existing_names
cross join field_roles
where
    candidates.is_configured
    and not exists (
        select 1
        from fields
        where
            (not fields.is_detached or candidates.role = any(field_roles.roles))
            and {{ fold_case('candidates.field_name') }}
            in (
                {{ fold_case('fields.field_name') }},
                {{ fold_case('fields.localized_field_name') }}
            )
    )
