{{ config(materialized='table', indexes=[{'columns': ['issue_id']}]) }}

with

issues as (

    select
        issue_id,
        created_at,
        resolved_at
    from {{ ref('stg_issue_snapshots') }}

),

changes as (

    select
        issue_id,
        change_number,
        changed_at,
        from_value,
        to_value
    from {{ ref('stg_attribute_changes') }}
    where attribute = 'resolution'

),

-- A resolution holds from the moment that the tracker gives it, not from that of the record; one
-- that came with an import, from the creation.
recorded as (

    select
        changes.issue_id,
        changes.change_number,
        changes.to_value is not null as is_resolved,
        changes.changed_at,
        coalesce(
            case
                when changes.changed_at > issues.created_at and changes.to_value ~ '^[0-9]{1,15}$'
                    then {{ moment_of('changes.to_value') }}
            end,
            changes.changed_at
        ) as resolved_at,
        case
            when changes.from_value ~ '^[0-9]{1,15}$' then {{ moment_of('changes.from_value') }}
        end as reopened_from_at
    from changes
    inner join issues on changes.issue_id = issues.issue_id

),

turns as (

    select
        recorded.*,
        lag(is_resolved, 1, false) over in_order as was_resolved,
        lag(changed_at) over in_order as previous_change_at
    from recorded
    window in_order as (partition by issue_id order by change_number)

),

moments as (

    select
        issue_id,
        change_number::numeric as place,
        is_resolved,
        case
            when is_resolved then greatest(resolved_at, previous_change_at)
            else changed_at
        end as changed_at
    from turns
    where is_resolved <> was_resolved or not is_resolved

    union all

    -- A reopening without a recorded resolution names the resolution that it ends.
    select
        turns.issue_id,
        turns.change_number - 0.5 as place,
        true as is_resolved,
        greatest(
            coalesce(turns.reopened_from_at, issues.created_at), turns.previous_change_at
        ) as changed_at
    from turns
    inner join issues on turns.issue_id = issues.issue_id
    where
        not turns.is_resolved
        and not turns.was_resolved

    union all

    -- The present resolution where the history has not recorded it.
    select
        issues.issue_id,
        coalesce(last_turns.change_number, 0) + 1 as place,
        true as is_resolved,
        greatest(issues.resolved_at, last_turns.changed_at) as changed_at
    from issues
    left join (
        select distinct on (issue_id)
            issue_id,
            change_number,
            changed_at,
            is_resolved
        from turns
        order by issue_id asc, change_number desc
    ) as last_turns on issues.issue_id = last_turns.issue_id
    where
        issues.resolved_at is not null
        and not coalesce(last_turns.is_resolved, false)

),

intervals as (

    select
        issue_id,
        is_resolved,
        changed_at as valid_from,
        coalesce(
            lead(changed_at) over (partition by issue_id order by place), 'infinity'
        ) as valid_to
    from moments

    union all

    select
        issues.issue_id,
        false as is_resolved,
        '-infinity' as valid_from,
        coalesce(first_moments.changed_at, 'infinity') as valid_to
    from issues
    left join (
        select distinct on (issue_id)
            issue_id,
            changed_at
        from moments
        order by issue_id asc, place asc
    ) as first_moments on issues.issue_id = first_moments.issue_id

),

final as (

    select
        issue_id,
        is_resolved,
        valid_from,
        valid_to
    from intervals
    where valid_from < valid_to

)

select * from final
