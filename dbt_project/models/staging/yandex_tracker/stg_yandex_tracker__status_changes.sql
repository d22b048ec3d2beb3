{{ config(materialized='table') }}

-- A status is read from the field, whatever the kind of the entry. Its moment stands beside it, but
-- not in every entry; two moments that differ by a millisecond keep the order of the entries.
with

field_changes as (

    select
        issue_id,
        entry_number,
        coalesce(started_at, changed_at) as changed_at,
        from_value,
        to_value
    from {{ ref('stg_yandex_tracker__field_changes') }}
    where field_id = 'status'

),

statuses as (

    select
        status_id,
        status,
        state_category
    from {{ ref('stg_yandex_tracker__statuses') }}

),

final as (

    select
        field_changes.issue_id,
        field_changes.entry_number,
        max(field_changes.changed_at) over (
            partition by field_changes.issue_id
            order by field_changes.entry_number
        ) as changed_at,
        field_changes.from_value ->> 'id' as from_status_id,
        coalesce(from_statuses.status, {{ yandex_tracker_text('field_changes.from_value') }})
            as from_status,
        from_statuses.state_category as from_category,
        field_changes.to_value ->> 'id' as to_status_id,
        coalesce(to_statuses.status, {{ yandex_tracker_text('field_changes.to_value') }})
            as to_status,
        to_statuses.state_category as to_category
    from field_changes
    left join statuses as from_statuses
        on field_changes.from_value ->> 'id' = from_statuses.status_id
    left join statuses as to_statuses
        on field_changes.to_value ->> 'id' = to_statuses.status_id

)

select * from final
