with

custom_fields as (

    select
        id,
        project_id,
        type,
        field,
        bundle,
        default_values,
        can_be_empty,
        empty_field_text,
        ordinal,
        first_seen_at,
        seen_at,
        loaded_at
    from {{ source('youtrack', 'custom_fields') }}

),

final as (

    select
        id::text as project_field_id,
        project_id::text,
        type::text as project_field_type,
        field ->> 'id' as field_id,
        field ->> 'name' as field_name,
        field ->> 'localizedName' as localized_field_name,
        coalesce(
            field #>> '{fieldType,valueType}', split_part(field #>> '{fieldType,id}', '[', 1)
        ) as value_type,
        coalesce(
            (field #>> '{fieldType,isMultiValue}')::boolean,
            field #>> '{fieldType,id}' like '%[*]',
            false
        ) as is_multi_value,
        bundle ->> 'id' as bundle_id,
        case when jsonb_typeof(bundle -> 'values') = 'array' then bundle -> 'values' end
            as bundle_values,
        case when jsonb_typeof(default_values) = 'array' then default_values end as default_values,
        can_be_empty,
        empty_field_text::text,
        ordinal::integer,
        first_seen_at,
        -- Versions before this column read every field that they kept in each run.
        coalesce(seen_at, loaded_at) as seen_at,
        coalesce(
            coalesce(seen_at, '-infinity') < max(seen_at) over (partition by project_id), false
        ) as is_detached,
        loaded_at
    from custom_fields

)

select * from final
