with

boards as (

    select
        id,
        name,
        projects,
        past_projects,
        sprints_settings,
        seen_at,
        loaded_at
    from {{ source('youtrack', 'boards') }}

),

reads as (

    select max(seen_at) as last_read_at
    from (
        select seen_at from {{ source('youtrack', 'boards') }}
        union all
        select seen_at from {{ source('youtrack', 'sprints') }}
    ) as seen

),

final as (

    select
        boards.id::text as board_id,
        boards.name::text as board,
        case when jsonb_typeof(boards.projects) = 'array' then boards.projects end as projects,
        boards.past_projects,
        coalesce((boards.sprints_settings ->> 'disableSprints')::boolean, false)
            as has_sprints_disabled,
        case
            when not coalesce((boards.sprints_settings ->> 'isExplicit')::boolean, true)
                then boards.sprints_settings #>> '{sprintSyncField,id}'
        end as sprint_field_id,
        not coalesce((boards.sprints_settings ->> 'isExplicit')::boolean, true)
        and boards.sprints_settings #>> '{sprintSyncField,id}' is null as follows_query,
        boards.sprints_settings ->> 'explicitQuery' as query,
        coalesce(boards.seen_at < reads.last_read_at, false) as is_missing,
        boards.seen_at,
        boards.loaded_at
    from boards
    cross join reads

)

select * from final
