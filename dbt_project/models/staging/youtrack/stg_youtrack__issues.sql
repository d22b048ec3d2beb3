with

issues as (

    select
        id,
        id_readable,
        number_in_project,
        summary,
        created,
        updated,
        resolved,
        is_draft,
        project,
        custom_fields,
        loaded_at
    from {{ source('youtrack', 'issues') }}

),

final as (

    select
        id::text as issue_id,
        id_readable::text as issue_id_readable,
        number_in_project,
        project ->> 'id' as project_id,
        project ->> 'shortName' as project_short_name,
        summary::text,
        {{ moment_of('created') }} as created_at,
        {{ moment_of('updated') }} as updated_at,
        {{ moment_of('resolved') }} as resolved_at,
        coalesce(is_draft, false) as is_draft,
        case when jsonb_typeof(custom_fields) = 'array' then custom_fields end as custom_fields,
        loaded_at
    from issues

)

select * from final
