with

field_roles as (

    select
        project_id,
        field_id,
        field_name
    from {{ ref('stg_youtrack__field_roles') }}
    where role = 'sprint'

),

field_values as (

    select
        project_id,
        field_id,
        value_id,
        value_name,
        starts_at,
        releases_at,
        is_archived,
        loaded_at
    from {{ ref('stg_youtrack__field_values') }}

),

-- Values carry dates, stored as 12:00 UTC of the day: a sprint begins with the first day in the
-- reporting time zone and ends with the last.
final as (

    select distinct on (field_values.value_id)
        field_values.value_id as sprint_id,
        field_values.field_id as board_id,
        field_roles.field_name as board,
        field_values.value_name as sprint_name,
        (field_values.starts_at at time zone 'UTC')::date::timestamp
        at time zone {{ timezone() }} as start_at,
        (
            (field_values.releases_at at time zone 'UTC')::date + interval '1 day'
        ) at time zone {{ timezone() }} - interval '1 millisecond' as finish_at,
        field_values.is_archived
    from field_values
    inner join field_roles
        on
            field_values.project_id = field_roles.project_id
            and field_values.field_id = field_roles.field_id
    where
        field_values.starts_at is not null
        and field_values.releases_at is not null
    order by field_values.value_id asc, field_values.loaded_at desc

)

select * from final
