{{ config(materialized='table', indexes=[{'columns': ['issue_id']}]) }}

with

changes as (

    select
        issue_id,
        attribute,
        change_number,
        changed_at,
        from_value_id,
        from_value,
        to_value_id,
        to_value
    from {{ ref('stg_attribute_changes') }}
    where attribute in ('team', 'type', 'story_points', 'project')

),

intervals as (

    select
        issue_id,
        attribute,
        to_value_id as value_id,
        to_value as value,
        changed_at as valid_from,
        coalesce(
            lead(changed_at) over (partition by issue_id, attribute order by change_number),
            'infinity'
        ) as valid_to
    from changes

    union all

    select
        issue_id,
        attribute,
        from_value_id as value_id,
        from_value as value,
        '-infinity' as valid_from,
        changed_at as valid_to
    from changes
    where change_number = 1

),

final as (

    select
        issue_id,
        attribute,
        value_id,
        value,
        valid_from,
        valid_to
    from intervals
    where valid_from < valid_to

)

select * from final
