with

role_histories as (

    select
        project_id,
        field_id,
        field_name
    from {{ ref('stg_youtrack__role_histories') }}
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
        is_detached,
        loaded_at
    from {{ ref('stg_youtrack__field_values') }}

),

-- Values carry dates, stored as 12:00 UTC of the day: a sprint begins with the first day in the
-- reporting time zone and ends with the last.
final as (

    select distinct on (field_values.value_id)
        field_values.value_id as sprint_id,
        field_values.field_id as board_id,
        role_histories.field_name as board,
        field_values.value_name as sprint_name,
        (field_values.starts_at at time zone 'UTC')::date::timestamp
        at time zone {{ timezone() }} as start_at,
        (
            (field_values.releases_at at time zone 'UTC')::date + interval '1 day'
        ) at time zone {{ timezone() }} - interval '1 millisecond' as finish_at,
        field_values.is_archived,
        field_values.is_detached as is_missing
    from field_values
    inner join role_histories
        on
            field_values.project_id = role_histories.project_id
            and field_values.field_id = role_histories.field_id
    where
        field_values.starts_at is not null
        and field_values.releases_at is not null
    order by
        field_values.value_id asc, field_values.is_detached asc, field_values.loaded_at desc

)

select * from final
