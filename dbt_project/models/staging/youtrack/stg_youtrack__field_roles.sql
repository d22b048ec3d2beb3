with

role_histories as (

    select
        role,
        project_id,
        project_field_id,
        field_id,
        field_name,
        value_type,
        is_multi_value,
        is_present
    from {{ ref('stg_youtrack__role_histories') }}

),

final as (

    select
        role,
        project_id,
        project_field_id,
        field_id,
        field_name,
        value_type,
        is_multi_value
    from role_histories
    where is_present

)

select * from final
