{{ config(materialized='table') }}

with

custom_fields as (

    select
        project_field_id,
        project_id,
        field_id,
        bundle_values,
        default_values,
        is_detached,
        loaded_at
    from {{ ref('stg_youtrack__custom_fields') }}

),

bundle_values as (

    select
        custom_fields.project_field_id,
        custom_fields.project_id,
        custom_fields.field_id,
        bundle_value ->> 'id' as value_id,
        bundle_value ->> 'name' as value_name,
        coalesce((bundle_value ->> 'isResolved')::boolean, false) as is_resolved,
        (bundle_value ->> 'ordinal')::integer as ordinal,
        coalesce((bundle_value ->> 'archived')::boolean, false) as is_archived,
        {{ moment_of("bundle_value ->> 'startDate'") }} as starts_at,
        {{ moment_of("bundle_value ->> 'releaseDate'") }} as releases_at,
        custom_fields.default_values,
        custom_fields.is_detached,
        custom_fields.loaded_at
    from custom_fields
    cross join lateral jsonb_array_elements(custom_fields.bundle_values) as bundle_value
    where bundle_value ->> 'id' is not null

),

with_defaults as (

    select
        bundle_values.*,
        coalesce(
            bundle_values.default_values
            @> jsonb_build_array(jsonb_build_object('id', bundle_values.value_id)),
            false
        ) as is_default
    from bundle_values

),

-- Issues begin in the field's default or, without one, in the first value of the bundle.
with_initials as (

    select
        project_field_id,
        project_id,
        field_id,
        value_id,
        value_name,
        is_resolved,
        ordinal,
        is_archived,
        starts_at,
        releases_at,
        is_default,
        case
            when bool_or(is_default) over (partition by project_field_id) then is_default
            else coalesce(ordinal = min(ordinal) over (partition by project_field_id), false)
        end as is_initial,
        is_detached,
        loaded_at
    from with_defaults

),

-- A field that was detached and attached again may offer the same values twice.
final as (

    select distinct on (project_id, field_id, value_id)
        project_field_id,
        project_id,
        field_id,
        value_id,
        value_name,
        is_resolved,
        ordinal,
        is_archived,
        starts_at,
        releases_at,
        is_default,
        is_initial,
        is_detached,
        loaded_at
    from with_initials
    order by project_id asc, field_id asc, value_id asc, is_detached asc, loaded_at desc

)

select * from final
