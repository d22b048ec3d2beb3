with

activities as (

    select
        id,
        type,
        category_id,
        timestamp,
        issue_id,
        field_id,
        field_name,
        target_member,
        added,
        removed,
        loaded_at
    from {{ source('youtrack', 'activities') }}

),

final as (

    select
        id::text as activity_id,
        type::text as activity_type,
        category_id::text as category,
        issue_id::text,
        {{ moment_of('timestamp') }} as occurred_at,
        field_id::text,
        field_name::text,
        target_member::text,
        nullif(removed, 'null') as removed,
        nullif(added, 'null') as added,
        loaded_at
    from activities

)

select * from final
