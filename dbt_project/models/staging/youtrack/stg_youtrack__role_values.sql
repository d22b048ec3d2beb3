with

field_roles as (

    select
        role,
        project_id,
        field_id
    from {{ ref('stg_youtrack__field_roles') }}

),

field_values as (

    select
        project_id,
        field_id,
        value_name
    from {{ ref('stg_youtrack__field_values') }}

),

final as (

    select distinct
        field_roles.role,
        field_values.value_name
    from field_values
    inner join field_roles
        on
            field_values.project_id = field_roles.project_id
            and field_values.field_id = field_roles.field_id

)

select * from final
