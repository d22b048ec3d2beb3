with

sprints as (

    select
        id,
        board_id,
        name,
        start,
        finish,
        archived,
        is_default,
        issues,
        seen_at,
        loaded_at
    from {{ source('youtrack', 'sprints') }}

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
        sprints.id::text as sprint_id,
        sprints.board_id::text,
        sprints.name::text as sprint_name,
        {{ moment_of('sprints.start') }} as start_at,
        {{ moment_of('sprints.finish') }} as finish_at,
        coalesce(sprints.archived, false) as is_archived,
        coalesce(sprints.is_default, false) as is_default,
        coalesce(sprints.seen_at < reads.last_read_at, false) as is_missing,
        case when jsonb_typeof(sprints.issues) = 'array' then sprints.issues end as issues,
        sprints.seen_at,
        sprints.loaded_at
    from sprints
    cross join reads

)

select * from final
