{{ config(materialized='table') }}

with

issue_custom_fields as (

    select
        issue_id,
        project_id,
        field_id,
        field_values,
        value_number,
        value_minutes
    from {{ ref('stg_youtrack__issue_custom_fields') }}

),

-- Only the fields that a metric reads; the others are nine tenths of an issue.
read_fields as (

    select field_id
    from {{ ref('stg_youtrack__field_roles') }}

    union

    select sprint_field_id as field_id
    from {{ ref('stg_youtrack__boards') }}
    where sprint_field_id is not null

),

-- Issues that were not read since a field was detached still carry it.
detached_fields as (

    select
        project_id,
        field_id
    from {{ ref('stg_youtrack__custom_fields') }}
    group by project_id, field_id
    having bool_and(is_detached)

),

final as (

    select
        issue_custom_fields.issue_id,
        issue_custom_fields.project_id,
        issue_custom_fields.field_id,
        elements.place,
        elements.element ->> 'id' as value_id,
        {{ youtrack_element_text('elements.element') }} as value_text,
        elements.element ->> 'login' as login,
        (elements.element ->> 'isResolved')::boolean as is_resolved,
        issue_custom_fields.value_number,
        issue_custom_fields.value_minutes
    from issue_custom_fields
    inner join read_fields on issue_custom_fields.field_id = read_fields.field_id
    left join detached_fields
        on
            issue_custom_fields.project_id = detached_fields.project_id
            and issue_custom_fields.field_id = detached_fields.field_id
    cross join
        lateral jsonb_array_elements(issue_custom_fields.field_values)
        with ordinality as elements (element, place)
    where detached_fields.field_id is null

)

select * from final
