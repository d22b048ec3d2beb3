{{ config(materialized='table', post_hook='analyze {{ this }}') }}

with

candidates as (

    {{ field_name_candidates() | indent(4) }}

),

custom_fields as (

    select
        project_field_id,
        project_id,
        field_id,
        field_name,
        localized_field_name,
        value_type,
        is_multi_value,
        ordinal
    from {{ ref('stg_youtrack__custom_fields') }}
    where {{ in_scope('project_id') }}

),

named as (

    select
        candidates.role,
        custom_fields.project_id,
        custom_fields.project_field_id,
        row_number() over (
            partition by candidates.role, custom_fields.project_id
            order by
                candidates.preference,
                coalesce(candidates.field_name = custom_fields.field_name, false) desc,
                coalesce(candidates.field_name = custom_fields.localized_field_name, false) desc,
                custom_fields.ordinal,
                {{ id_order('custom_fields.project_field_id') }}
        ) as preference
    from candidates
    inner join custom_fields
        on
            {{ fold_case('candidates.field_name') }}
            in (
                {{ fold_case('custom_fields.field_name') }},
                {{ fold_case('custom_fields.localized_field_name') }}
            )

),

-- Without a name, the state field is the project's only field of type state.
only_state_fields as (

    select
        'state' as role,
        project_id,
        min(project_field_id) as project_field_id
    from custom_fields
    where
        value_type = 'state'
        and 'state' not in (select candidates.role from candidates)
    group by project_id
    having count(*) = 1

),

chosen as (

    select
        role,
        project_id,
        project_field_id
    from named
    where preference = 1

    union all

    select
        role,
        project_id,
        project_field_id
    from only_state_fields

),

final as (

    select
        chosen.role,
        chosen.project_id,
        chosen.project_field_id,
        custom_fields.field_id,
        custom_fields.field_name,
        custom_fields.value_type,
        custom_fields.is_multi_value
    from chosen
    inner join custom_fields on chosen.project_field_id = custom_fields.project_field_id

)

select * from final
