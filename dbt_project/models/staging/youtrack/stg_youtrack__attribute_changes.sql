{{ config(materialized='table', indexes=[{'columns': ['attribute']}]) }}

with

role_changes as (

    select
        activity_id,
        issue_id,
        role,
        changed_at,
        is_of_replaced_field,
        from_value_id,
        from_value,
        from_category,
        to_value_id,
        to_value,
        to_category
    from {{ ref('stg_youtrack__role_changes') }}
    where is_set is not true

),

set_changes as (

    select
        activity_id,
        issue_id,
        role,
        changed_at,
        is_of_replaced_field,
        from_value,
        to_value
    from {{ ref('stg_youtrack__set_changes') }}

),

project_moves as (

    select
        activity_id,
        issue_id,
        moved_at,
        from_project_id,
        from_project_short_name,
        to_project_id,
        to_project_short_name
    from {{ ref('stg_youtrack__project_moves') }}

),

projects as (

    select
        project_id,
        project_short_name
    from {{ ref('stg_youtrack__projects') }}

),

resolutions as (

    select
        activity_id,
        issue_id,
        occurred_at,
        removed,
        added
    from {{ ref('stg_youtrack__activities') }}
    where category = 'IssueResolvedCategory'

),

issues as (

    select
        issue_id,
        project_id,
        created_at,
        resolved_at,
        state,
        team,
        issue_type,
        estimate
    from {{ ref('stg_youtrack__issue_snapshots') }}

),

-- Values are told apart by their names: a move between projects swaps the ids of equal ones.
changes as (

    select
        activity_id,
        issue_id,
        role as attribute,
        changed_at,
        is_of_replaced_field,
        coalesce(from_value, '') as from_key,
        coalesce(to_value, '') as to_key,
        from_value_id,
        from_value,
        from_category,
        to_value_id,
        to_value,
        to_category
    from role_changes

    union all

    select
        activity_id,
        issue_id,
        role as attribute,
        changed_at,
        is_of_replaced_field,
        coalesce(from_value, '') as from_key,
        coalesce(to_value, '') as to_key,
        null as from_value_id,
        from_value,
        null as from_category,
        null as to_value_id,
        to_value,
        null as to_category
    from set_changes

    union all

    select
        project_moves.activity_id,
        project_moves.issue_id,
        'project' as attribute,
        project_moves.moved_at as changed_at,
        false as is_of_replaced_field,
        coalesce(project_moves.from_project_id, '') as from_key,
        coalesce(project_moves.to_project_id, '') as to_key,
        project_moves.from_project_id as from_value_id,
        coalesce(
            from_projects.project_short_name, project_moves.from_project_short_name
        ) as from_value,
        null as from_category,
        project_moves.to_project_id as to_value_id,
        coalesce(to_projects.project_short_name, project_moves.to_project_short_name) as to_value,
        null as to_category
    from project_moves
    left join projects as from_projects
        on project_moves.from_project_id = from_projects.project_id
    left join projects as to_projects
        on project_moves.to_project_id = to_projects.project_id

    union all

    select
        resolutions.activity_id,
        resolutions.issue_id,
        'resolution' as attribute,
        resolutions.occurred_at as changed_at,
        false as is_of_replaced_field,
        case when resolutions.removed is null then '' else 'resolved' end as from_key,
        case when resolutions.added is null then '' else 'resolved' end as to_key,
        null as from_value_id,
        resolutions.removed #>> '{}' as from_value,
        null as from_category,
        null as to_value_id,
        resolutions.added #>> '{}' as to_value,
        null as to_category
    from resolutions
    inner join issues on resolutions.issue_id = issues.issue_id

),

counted as (

    select
        changes.*,
        count(*) over (partition by issue_id, attribute, changed_at) as changes_in_moment
    from changes

),

-- Several changes in one millisecond follow each other as a chain: what one removed, an earlier
-- one had added. Their ids say nothing about the order.
tied_changes as (

    select
        issue_id,
        attribute,
        changed_at,
        activity_id,
        from_key,
        to_key,
        row_number() over (
            partition by issue_id, attribute, changed_at
            order by {{ id_order('activity_id') }}, activity_id
        ) as place
    from counted
    where changes_in_moment > 1

),

tied_keys as (

    select
        sides.*,
        dense_rank() over (
            partition by issue_id, attribute, changed_at order by key
        )::integer as key_number
    from (
        select
            issue_id,
            attribute,
            changed_at,
            activity_id,
            place,
            from_key as key,
            1 as removals
        from tied_changes

        union all

        select
            issue_id,
            attribute,
            changed_at,
            activity_id,
            place,
            to_key as key,
            -1 as removals
        from tied_changes
    ) as sides

),

-- The chain begins with the value that is removed more often than added, and ends with the value
-- that is added more often than removed; a chain that returns to its beginning has neither.
tied_balances as (

    select
        issue_id,
        attribute,
        changed_at,
        key,
        sum(removals) as removals,
        min(place) filter (where removals = 1) as first_removal,
        max(place) filter (where removals = -1) as last_addition
    from tied_keys
    group by issue_id, attribute, changed_at, key

),

tied_ends as (

    select
        issue_id,
        attribute,
        changed_at,
        (array_agg(key order by first_removal asc) filter (where removals > 0))[1] as first_key,
        (array_agg(key order by last_addition desc) filter (where removals < 0))[1] as last_key
    from tied_balances
    group by issue_id, attribute, changed_at

),

-- Where the chain returns to its beginning, the change before it tells where that is, else the one
-- after it, else the present value.
moments as (

    select
        issue_id,
        attribute,
        changed_at,
        first_key,
        last_key,
        row_number() over (partition by issue_id, attribute order by changed_at) as place
    from (
        select
            counted.issue_id,
            counted.attribute,
            counted.changed_at,
            counted.from_key as first_key,
            counted.to_key as last_key
        from counted
        inner join (
            select distinct
                issue_id,
                attribute
            from tied_changes
        ) as tied_issues
            on
                counted.issue_id = tied_issues.issue_id
                and counted.attribute = tied_issues.attribute
        where counted.changes_in_moment = 1

        union all

        select
            issue_id,
            attribute,
            changed_at,
            first_key,
            last_key
        from tied_ends
    ) as moments_and_ends

),

moment_neighbours as (

    select
        issue_id,
        attribute,
        changed_at,
        first_key,
        max(case when last_key is not null then place end) over (
            partition by issue_id, attribute
            order by place
            rows between unbounded preceding and 1 preceding
        ) as place_before,
        -- backwards, because a frame whose beginning moves is read anew for every row
        min(case when first_key is not null then place end) over (
            partition by issue_id, attribute
            order by place desc
            rows between unbounded preceding and 1 preceding
        ) as place_after
    from moments

),

tied_starts as (

    select
        moment_neighbours.issue_id,
        moment_neighbours.attribute,
        moment_neighbours.changed_at,
        coalesce(
            moment_neighbours.first_key,
            moments_before.last_key,
            moments_after.first_key,
            case moment_neighbours.attribute
                when 'state' then coalesce(issues.state, '')
                when 'team' then coalesce(issues.team, '')
                when 'type' then coalesce(issues.issue_type, '')
                when 'story_points' then coalesce(issues.estimate, '')
                when 'project' then issues.project_id
                when 'resolution'
                    then case when issues.resolved_at is null then '' else 'resolved' end
            end
        ) as start_key
    from moment_neighbours
    inner join issues on moment_neighbours.issue_id = issues.issue_id
    left join moments as moments_before
        on
            moment_neighbours.issue_id = moments_before.issue_id
            and moment_neighbours.attribute = moments_before.attribute
            and moment_neighbours.place_before = moments_before.place
    left join moments as moments_after
        on
            moment_neighbours.issue_id = moments_after.issue_id
            and moment_neighbours.attribute = moments_after.attribute
            and moment_neighbours.place_after = moments_after.place

),

tied_moments as (

    select
        tied_keys.issue_id,
        tied_keys.attribute,
        tied_keys.changed_at,
        array_agg(tied_keys.activity_id order by tied_keys.place)
        filter (where tied_keys.removals = 1) as activity_ids,
        array_agg(tied_keys.key_number order by tied_keys.place)
        filter (where tied_keys.removals = 1) as removed,
        array_agg(tied_keys.key_number order by tied_keys.place)
        filter (where tied_keys.removals = -1) as added,
        max(tied_keys.key_number) filter (where tied_keys.key = tied_starts.start_key)
            as first_value
    from tied_keys
    inner join tied_starts
        on
            tied_keys.issue_id = tied_starts.issue_id
            and tied_keys.attribute = tied_starts.attribute
            and tied_keys.changed_at = tied_starts.changed_at
    group by tied_keys.issue_id, tied_keys.attribute, tied_keys.changed_at

),

chained as (

    select
        tied_moments.attribute,
        places.activity_id,
        places.place
    from tied_moments
    cross join lateral unnest(
        tied_moments.activity_ids,
        {{ chain_places() }}(tied_moments.removed, tied_moments.added, tied_moments.first_value)
    ) as places (activity_id, place)

),

-- What came with an import is older than the issue, and counts as made at the creation, in its
-- order.
final as (

    select
        counted.issue_id,
        counted.attribute,
        row_number() over (
            partition by counted.issue_id, counted.attribute
            order by counted.changed_at, chained.place
        ) as change_number,
        greatest(counted.changed_at, issues.created_at) as changed_at,
        counted.is_of_replaced_field,
        counted.from_value_id,
        counted.from_value,
        counted.from_category,
        counted.to_value_id,
        counted.to_value,
        counted.to_category
    from counted
    left join issues on counted.issue_id = issues.issue_id
    left join chained
        on
            counted.attribute = chained.attribute
            and counted.activity_id = chained.activity_id

)

select * from final
