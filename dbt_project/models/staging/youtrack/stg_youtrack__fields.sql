with

custom_fields as (

    select
        project_id,
        field_id,
        field_name,
        localized_field_name,
        is_detached
    from {{ ref('stg_youtrack__custom_fields') }}

),

final as (

    select
        project_id,
        field_id,
        field_name,
        localized_field_name,
        is_detached
    from custom_fields
    where {{ youtrack_in_scope('project_id') }}

)

select * from final
