with

activities as (

    select
        activity_id,
        issue_id,
        occurred_at,
        field_id,
        field_name,
        removed,
        added
    from {{ ref('stg_youtrack__activities') }}
    where category = 'CustomFieldCategory'

),

custom_fields as (

    select
        field_id,
        field_name,
        localized_field_name,
        value_type,
        loaded_at
    from {{ ref('stg_youtrack__custom_fields') }}

),

fields as (

    select distinct on (field_id)
        field_id,
        field_name,
        value_type
    from custom_fields
    order by field_id asc, loaded_at desc

),

-- Changes name their field by id; by name alone only where the id was not sent.
identified as (

    select
        activity_id,
        issue_id,
        occurred_at,
        coalesce(
            field_id,
            (
                select custom_fields.field_id
                from custom_fields
                where
                    activities.field_name
                    in (custom_fields.field_name, custom_fields.localized_field_name)
                order by custom_fields.loaded_at desc
                limit 1
            )
        ) as field_id,
        field_name,
        removed,
        added
    from activities

),

final as (

    select
        identified.activity_id,
        identified.issue_id,
        identified.occurred_at as changed_at,
        identified.field_id,
        coalesce(fields.field_name, identified.field_name) as field_name,
        fields.value_type,
        {{ youtrack_list('identified.removed') }} as removed_values,
        {{ youtrack_list('identified.added') }} as added_values,
        {{ youtrack_number('identified.removed') }} as removed_number,
        {{ youtrack_number('identified.added') }} as added_number,
        {{ youtrack_moment('identified.removed', 'fields.value_type') }} as removed_at,
        {{ youtrack_moment('identified.added', 'fields.value_type') }} as added_at,
        {{ youtrack_text('identified.removed') }} as removed_text,
        {{ youtrack_text('identified.added') }} as added_text
    from identified
    left join fields on identified.field_id = fields.field_id

)

select * from final
