{{ config(materialized='table') }}

{%- set resolved_by = one_of('resolved_by', ['status_type', 'resolution']) %}

-- One row per change between unresolved, done and cancelled. Statuses say which, as the seed
-- state_categories or else Tracker names them; or, by the var resolved_by, the resolution.
with

issues as (

    select
        issue_id,
        created_at
    from {{ ref('stg_yandex_tracker__issues') }}

),

status_changes as (

    select
        issue_id,
        entry_number,
        changed_at,
        from_status,
        from_category,
        to_status,
        to_category
    from {{ ref('stg_yandex_tracker__status_changes') }}

),

seed_categories as (

    select
        state,
        category
    from {{ ref('state_categories') }}

),

named_categories as (

    select
        names.status,
        seed_categories.category
    from (
        select from_status as status
        from status_changes
        union
        select to_status as status
        from status_changes
    ) as names
    inner join seed_categories
        on {{ fold_case('names.status') }} = {{ fold_case('seed_categories.state') }}

),

changes_by_status as (

    select
        status_changes.issue_id,
        status_changes.entry_number,
        status_changes.changed_at,
        substring(
        {{ state_category(
            'status_changes.from_status', 'from_names.category', 'status_changes.from_category'
        ) }}
            from '^(?:done|cancelled)$'
        ) as from_kind,
        substring(
        {{ state_category(
            'status_changes.to_status', 'to_names.category', 'status_changes.to_category'
        ) }}
            from '^(?:done|cancelled)$'
        ) as to_kind
    from status_changes
    left join named_categories as from_names on status_changes.from_status = from_names.status
    left join named_categories as to_names on status_changes.to_status = to_names.status

),

changes_by_resolution as (

    select
        issue_id,
        entry_number,
        changed_at,
        case when from_value is not null then 'resolved' end as from_kind,
        case when to_value is not null then 'resolved' end as to_kind
    from {{ ref('stg_yandex_tracker__field_changes') }}
    where field_id = 'resolution'

),

changes as (

    select * from changes_by_status
    where '{{ resolved_by }}' = 'status_type'

    union all

    select * from changes_by_resolution
    where '{{ resolved_by }}' = 'resolution'

),

turns as (

    select
        issue_id,
        entry_number,
        changed_at,
        from_kind,
        to_kind
    from changes
    where from_kind is distinct from to_kind

),

-- A resolution that ends began with the change before, else with the issue.
final as (

    select
        turns.issue_id,
        turns.entry_number,
        turns.changed_at,
        case
            when turns.from_kind is not null
                then coalesce(
                    lag(turns.changed_at) over (
                        partition by turns.issue_id
                        order by turns.entry_number
                    ),
                    issues.created_at
                )
        end as from_resolved_at,
        case when turns.to_kind is not null then turns.changed_at end as to_resolved_at
    from turns
    inner join issues on turns.issue_id = issues.issue_id

)

select * from final
