with

issues as (

    select
        issue_id,
        project_id,
        custom_fields
    from {{ ref('stg_youtrack__issues') }}

),

unnested as (

    select
        issues.issue_id,
        issues.project_id,
        coalesce(
            custom_field #>> '{projectCustomField,id}', custom_field ->> 'id'
        ) as project_field_id,
        custom_field #>> '{projectCustomField,field,id}' as field_id,
        custom_field ->> 'name' as field_name,
        custom_field ->> '$type' as issue_field_type,
        coalesce(
            custom_field #>> '{projectCustomField,field,fieldType,valueType}',
            split_part(
                custom_field #>> '{projectCustomField,field,fieldType,id}', '[', 1
            )
        ) as value_type,
        nullif(custom_field -> 'value', 'null') as value
    from issues
    cross join lateral jsonb_array_elements(issues.custom_fields) as custom_field

),

final as (

    select
        issue_id,
        project_id,
        project_field_id,
        -- Fields are known by id. One sent without it is looked for among its project's fields; a
        -- join would do so for each of a million values that need no looking.
        coalesce(
            field_id,
            (
                select custom_fields.field_id
                from {{ ref('stg_youtrack__custom_fields') }} as custom_fields
                where
                    custom_fields.project_field_id = unnested.project_field_id
                    or (
                        unnested.project_field_id is null
                        and custom_fields.project_id = unnested.project_id
                        and custom_fields.field_name = unnested.field_name
                    )
                order by custom_fields.is_detached, custom_fields.project_field_id
                limit 1
            )
        ) as field_id,
        field_name,
        issue_field_type,
        value_type,
        {{ youtrack_list('value') }} as field_values,
        {{ youtrack_number('value') }} as value_number,
        {{ youtrack_minutes('value') }} as value_minutes,
        {{ youtrack_moment('value', 'value_type') }} as value_at,
        {{ youtrack_text('value') }} as value_text
    from unnested

)

select * from final
