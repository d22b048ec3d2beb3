with

projects as (

    select
        id,
        short_name,
        name,
        archived,
        loaded_at
    from {{ source('youtrack', 'projects') }}

),

final as (

    select
        id::text as project_id,
        short_name::text as project_short_name,
        name::text as project_name,
        archived as is_archived,
        loaded_at
    from projects

)

select * from final
