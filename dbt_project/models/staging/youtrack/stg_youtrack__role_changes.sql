{{ config(materialized='table') }}

with

issues as (

    select
        issue_id,
        project_id
    from {{ ref('stg_youtrack__issue_snapshots') }}

),

field_changes as (

    select
        activity_id,
        issue_id,
        changed_at,
        field_id,
        removed_values,
        added_values,
        removed_text,
        added_text
    from {{ ref('stg_youtrack__field_changes') }}

),

role_histories as (

    select
        role,
        project_id,
        field_id,
        is_multi_value,
        played_during,
        is_present
    from {{ ref('stg_youtrack__role_histories') }}
    where role in ('state', 'team', 'type', 'story_points')

),

custom_fields as (

    select distinct project_id
    from {{ ref('stg_youtrack__custom_fields') }}
    where {{ youtrack_in_scope('project_id') }}

),

field_values as (

    select
        project_id,
        field_id,
        value_id,
        value_name,
        is_resolved,
        is_initial,
        loaded_at
    from {{ ref('stg_youtrack__field_values') }}

),

-- What a value means where the project of the time does not hold it: its own bundle tells.
values_anywhere as (

    select distinct on (value_id)
        value_id,
        value_name,
        is_resolved,
        is_initial
    from field_values
    order by value_id asc, loaded_at desc, {{ id_order('project_id') }} asc

),

project_moves as (

    select
        issue_id,
        moved_at,
        from_project_id,
        to_project_id
    from {{ ref('stg_youtrack__project_moves') }}

),

-- Where a moved issue was at first, and where each move took it.
project_stays as (

    (
        select distinct on (issue_id)
            issue_id,
            '-infinity'::timestamptz as begins_at,
            from_project_id as project_id
        from project_moves
        order by issue_id asc, moved_at asc
    )

    union all

    select
        issue_id,
        moved_at as begins_at,
        to_project_id as project_id
    from project_moves

),

moved_issue_projects as (

    select
        issue_id,
        project_id
    from project_stays

    union

    select
        project_moves.issue_id,
        issues.project_id
    from project_moves
    inner join issues on project_moves.issue_id = issues.issue_id

),

-- A moved issue's history is that of the fields of every project that it has been in, while they
-- played the role; of a project out of scope, or whose fields the token may not read, any field
-- that plays the role elsewhere is taken.
moved_issue_roles as (

    select
        moved_issue_projects.issue_id,
        role_histories.role,
        role_histories.field_id,
        bool_or(role_histories.is_multi_value) as is_multi_value,
        bool_or(role_histories.is_present) as is_present,
        range_agg(role_histories.played_during) as played_during
    from moved_issue_projects
    left join custom_fields on moved_issue_projects.project_id = custom_fields.project_id
    inner join role_histories
        on
            custom_fields.project_id is null
            or moved_issue_projects.project_id = role_histories.project_id
    group by moved_issue_projects.issue_id, role_histories.role, role_histories.field_id

),

changes_of_settled_issues as (

    select
        field_changes.*,
        role_histories.role,
        role_histories.is_multi_value,
        role_histories.is_present,
        issues.project_id as project_id_before,
        issues.project_id as project_id_after
    from field_changes
    inner join issues on field_changes.issue_id = issues.issue_id
    inner join role_histories
        on
            issues.project_id = role_histories.project_id
            and field_changes.field_id = role_histories.field_id
            and role_histories.played_during @> field_changes.changed_at
    left join (select distinct issue_id from project_moves) as moved_issues
        on issues.issue_id = moved_issues.issue_id
    where moved_issues.issue_id is null

),

-- The stays that have begun before a change, and up to its moment, are counted. A join of the two
-- would hold every change of an issue against every stay.
counted_stays as (

    select
        stays_and_changes.*,
        sum(stays) over (
            partition by issue_id order by changed_at asc, stays asc rows unbounded preceding
        ) as stays_before,
        sum(stays) over (
            partition by issue_id order by changed_at asc, stays desc rows unbounded preceding
        ) as stays_up_to
    from (
        select
            issue_id,
            begins_at as changed_at,
            1 as stays,
            project_id,
            null as activity_id,
            null as field_id,
            null::jsonb as removed_values,
            null::jsonb as added_values,
            null as removed_text,
            null as added_text
        from project_stays

        union all

        select
            field_changes.issue_id,
            field_changes.changed_at,
            0 as stays,
            null as project_id,
            field_changes.activity_id,
            field_changes.field_id,
            field_changes.removed_values,
            field_changes.added_values,
            field_changes.removed_text,
            field_changes.added_text
        from field_changes
        inner join (select distinct issue_id from project_moves) as moved_issues
            on field_changes.issue_id = moved_issues.issue_id
    ) as stays_and_changes

),

stays_of_changes as (

    select
        counted_stays.*,
        first_value(project_id) over (
            partition by issue_id, stays_before order by stays desc
        ) as project_id_before,
        first_value(project_id) over (
            partition by issue_id, stays_up_to order by stays desc
        ) as project_id_after
    from counted_stays

),

changes_of_moved_issues as (

    select
        stays_of_changes.activity_id,
        stays_of_changes.issue_id,
        stays_of_changes.changed_at,
        stays_of_changes.field_id,
        stays_of_changes.removed_values,
        stays_of_changes.added_values,
        stays_of_changes.removed_text,
        stays_of_changes.added_text,
        moved_issue_roles.role,
        moved_issue_roles.is_multi_value,
        moved_issue_roles.is_present,
        stays_of_changes.project_id_before,
        stays_of_changes.project_id_after
    from stays_of_changes
    inner join moved_issue_roles
        on
            stays_of_changes.issue_id = moved_issue_roles.issue_id
            and stays_of_changes.field_id = moved_issue_roles.field_id
            and moved_issue_roles.played_during @> stays_of_changes.changed_at

),

changes as (

    select * from changes_of_settled_issues

    union all

    select * from changes_of_moved_issues

),

valued as (

    select
        activity_id,
        issue_id,
        role,
        changed_at,
        field_id,
        is_present,
        project_id_before,
        project_id_after,
        removed_values,
        added_values,
        removed_text,
        added_text,
        -- once a set, always a set: a single value is a set of one
        bool_or(is_multi_value) over (partition by issue_id, role) as is_set,
        jsonb_array_length(removed_values) > 1 as has_several_removed,
        jsonb_array_length(added_values) > 1 as has_several_added,
        removed_values #>> '{0,id}' as from_value_id,
        (removed_values #>> '{0,isResolved}')::boolean as is_from_resolved,
        added_values #>> '{0,id}' as to_value_id,
        (added_values #>> '{0,isResolved}')::boolean as is_to_resolved
    from changes

),

-- Names go stale in the history, so they are looked up by id.
final as (

    select
        valued.activity_id,
        valued.issue_id,
        valued.role,
        valued.changed_at,
        valued.field_id,
        not valued.is_present as is_of_replaced_field,
        coalesce(valued.is_set, false) as is_set,
        valued.removed_values,
        valued.added_values,
        valued.from_value_id,
        case
            when valued.has_several_removed then valued.removed_text
            else coalesce(from_anywhere.value_name, valued.removed_text)
        end as from_value,
        case
            when valued.role = 'state' and valued.removed_values <> '[]'
                then {{ youtrack_state_category(
                    'coalesce('
                    ~ 'from_values.is_resolved, from_anywhere.is_resolved, valued.is_from_resolved'
                    ~ ')',
                    'coalesce(from_values.is_initial, from_anywhere.is_initial)'
                ) }}
        end as from_category,
        valued.to_value_id,
        case
            when valued.has_several_added then valued.added_text
            else coalesce(to_anywhere.value_name, valued.added_text)
        end as to_value,
        case
            when valued.role = 'state' and valued.added_values <> '[]'
                then {{ youtrack_state_category(
                    'coalesce('
                    ~ 'to_values.is_resolved, to_anywhere.is_resolved, valued.is_to_resolved'
                    ~ ')',
                    'coalesce(to_values.is_initial, to_anywhere.is_initial)'
                ) }}
        end as to_category
    from valued
    left join field_values as from_values
        on
            valued.project_id_before = from_values.project_id
            and valued.field_id = from_values.field_id
            and valued.from_value_id = from_values.value_id
    left join field_values as to_values
        on
            valued.project_id_after = to_values.project_id
            and valued.field_id = to_values.field_id
            and valued.to_value_id = to_values.value_id
    left join values_anywhere as from_anywhere
        on valued.from_value_id = from_anywhere.value_id
    left join values_anywhere as to_anywhere
        on valued.to_value_id = to_anywhere.value_id

)

select * from final
