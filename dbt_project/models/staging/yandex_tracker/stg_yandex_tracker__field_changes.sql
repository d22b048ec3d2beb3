{{ config(materialized='table', indexes=[{'columns': ['field_id']}]) }}

-- What an issue was created with is no change.
with

changelog as (

    select
        id,
        issue_id,
        position,
        updated_at,
        type,
        fields
    from {{ source('yandex_tracker', 'changelog') }}

),

final as (

    select
        changelog.issue_id::text as issue_id,
        changelog.id::text as entry_id,
        changelog.position as entry_number,
        {{ yandex_tracker_moment('changelog.updated_at') }} as changed_at,
        -- of the status that the entry changed, where the entry has it
        case
            when field_change #>> '{field,id}' = 'status'
                then {{ yandex_tracker_moment(
                    "jsonb_path_query_first(changelog.fields,"
                    ~ " '$[*] ? (@.field.id == \"statusStartTime\").to') #>> '{}'"
                ) }}
        end as started_at,
        field_change #>> '{field,id}' as field_id,
        nullif(field_change -> 'from', 'null') as from_value,
        nullif(field_change -> 'to', 'null') as to_value
    from changelog
    cross join lateral jsonb_array_elements(changelog.fields) as field_change
    where
        jsonb_typeof(changelog.fields) = 'array'
        and field_change #>> '{field,id}' is not null
        and not (
            changelog.type = 'IssueCreated'
            and coalesce(field_change -> 'from', 'null') = 'null'
            and field_change #>> '{field,id}' <> 'sprint'
        )

)

select * from final
