{{ config(materialized='table', indexes=[{'columns': ['issue_id']}]) }}

with

issues as (

    select
        issue_id,
        project_id,
        created_at
    from {{ ref('stg_issue_snapshots') }}

),

sprints as (

    select
        sprint_id,
        board_id,
        start_at,
        finish_at,
        sprint_field_id is not null as follows_field,
        follows_query,
        coalesce(finish_at < {{ as_of() }}, false) as is_closed
    from {{ ref('stg_board_sprints') }}

),

board_projects as (

    select
        board_id,
        project_id,
        missed_at
    from {{ ref('stg_board_projects') }}

),

project_intervals as (

    select
        issue_id,
        value_id as project_id,
        valid_from,
        valid_to
    from {{ ref('int_issue_attribute_intervals') }}
    where attribute = 'project'

),

sprint_changes as (

    select
        sprint_id,
        issue_id,
        changed_at,
        membership_change
    from {{ ref('stg_sprint_changes') }}
    where membership_change <> 0

),

sprint_members as (

    select
        sprint_id,
        issue_id
    from {{ ref('stg_sprint_members') }}

),

-- What came with an import, older than the issue, counts as made at the creation, in its order.
dated_changes as (

    select
        sprint_changes.sprint_id,
        sprint_changes.issue_id,
        sprint_changes.changed_at as recorded_at,
        greatest(sprint_changes.changed_at, issues.created_at) as changed_at,
        sprint_changes.membership_change
    from sprint_changes
    inner join issues on sprint_changes.issue_id = issues.issue_id

),

turns as (

    select
        sprint_id,
        issue_id,
        changed_at,
        membership_change,
        lag(membership_change) over in_order as previous_change,
        lead(changed_at) over in_order as next_change_at
    from dated_changes
    window in_order as (partition by sprint_id, issue_id order by recorded_at)

),

intervals as (

    -- Recorded additions. The last one is open, unless the tracker no longer shows the member.
    select
        turns.sprint_id,
        turns.issue_id,
        turns.changed_at as member_from,
        case
            when turns.next_change_at is not null then turns.next_change_at
            when sprint_members.issue_id is null and not sprints.is_closed then {{ as_of() }}
            else 'infinity'
        end as member_to,
        false as is_inferred
    from turns
    inner join sprints on turns.sprint_id = sprints.sprint_id
    left join sprint_members
        on
            turns.sprint_id = sprint_members.sprint_id
            and turns.issue_id = sprint_members.issue_id
    where turns.membership_change = 1

    union all

    -- A removal that nothing precedes: a member since the issue's creation.
    select
        turns.sprint_id,
        turns.issue_id,
        issues.created_at as member_from,
        turns.changed_at as member_to,
        true as is_inferred
    from turns
    inner join issues on turns.issue_id = issues.issue_id
    where
        turns.membership_change = -1
        and turns.previous_change is null

    union all

    -- A present member without any history: since the issue's creation.
    select
        sprint_members.sprint_id,
        sprint_members.issue_id,
        issues.created_at as member_from,
        'infinity' as member_to,
        true as is_inferred
    from sprint_members
    inner join issues on sprint_members.issue_id = issues.issue_id
    left join turns
        on
            sprint_members.sprint_id = turns.sprint_id
            and sprint_members.issue_id = turns.issue_id
    where turns.issue_id is null

    union all

    -- A present member whose last record is a removal: when it came back is not known.
    select
        turns.sprint_id,
        turns.issue_id,
        {{ as_of() }} as member_from,
        'infinity' as member_to,
        true as is_inferred
    from turns
    inner join sprints on turns.sprint_id = sprints.sprint_id
    inner join sprint_members
        on
            turns.sprint_id = sprint_members.sprint_id
            and turns.issue_id = sprint_members.issue_id
    where
        turns.membership_change = -1
        and turns.next_change_at is null
        and not sprints.is_closed

),

-- A field is followed while the issue is in one of the board's projects. One that was taken off
-- the board counts in the sprints that had finished before a run first missed it.
boards_with_projects as (

    select distinct board_id
    from board_projects

),

sprint_projects as (

    select
        sprints.sprint_id,
        board_projects.project_id,
        coalesce(board_projects.missed_at, 'infinity') as missed_at,
        board_projects.missed_at is null
        or coalesce(sprints.finish_at < board_projects.missed_at, false) as is_counted
    from sprints
    inner join board_projects on sprints.board_id = board_projects.board_id
    where sprints.follows_field

),

-- Sprints that lost a project are told a second time, as the board stood: who moved on to them at
-- the review of the sprint before did so, whatever became of the board since.
sprints_told_twice as (

    select sprint_id
    from sprint_projects
    group by sprint_id
    having not every(is_counted)

),

followed_projects as (

    select
        sprint_projects.sprint_id,
        sprint_projects.project_id,
        'infinity' as followed_to,
        true as is_counted,
        sprints_told_twice.sprint_id is null as is_as_it_stood
    from sprint_projects
    left join sprints_told_twice on sprint_projects.sprint_id = sprints_told_twice.sprint_id
    where sprint_projects.is_counted

    union all

    select
        sprint_projects.sprint_id,
        sprint_projects.project_id,
        sprint_projects.missed_at as followed_to,
        false as is_counted,
        true as is_as_it_stood
    from sprint_projects
    inner join sprints_told_twice on sprint_projects.sprint_id = sprints_told_twice.sprint_id

),

clipped as (

    select
        intervals.sprint_id,
        intervals.issue_id,
        sprints.board_id,
        intervals.member_from,
        intervals.member_to,
        intervals.is_inferred,
        true as is_counted,
        true as is_as_it_stood
    from intervals
    inner join sprints on intervals.sprint_id = sprints.sprint_id
    left join boards_with_projects on sprints.board_id = boards_with_projects.board_id
    where not (sprints.follows_field and boards_with_projects.board_id is not null)

    union all

    select
        intervals.sprint_id,
        intervals.issue_id,
        sprints.board_id,
        greatest(intervals.member_from, coalesce(project_intervals.valid_from, '-infinity'))
            as member_from,
        least(
            intervals.member_to,
            coalesce(project_intervals.valid_to, 'infinity'),
            followed_projects.followed_to
        ) as member_to,
        intervals.is_inferred
        and intervals.member_from > coalesce(project_intervals.valid_from, '-infinity')
            as is_inferred,
        followed_projects.is_counted,
        followed_projects.is_as_it_stood
    from intervals
    inner join sprints on intervals.sprint_id = sprints.sprint_id
    inner join issues on intervals.issue_id = issues.issue_id
    left join project_intervals on intervals.issue_id = project_intervals.issue_id
    inner join followed_projects
        on
            intervals.sprint_id = followed_projects.sprint_id
            and coalesce(project_intervals.project_id, issues.project_id)
            = followed_projects.project_id

),

-- Stretches that meet are one: a move between two projects of a board, or joining twice in a row,
-- does not interrupt a membership.
merged as (

    select
        sprint_id,
        issue_id,
        board_id,
        is_inferred,
        is_counted,
        is_as_it_stood,
        member_from,
        max(member_to) over (
            partition by sprint_id, issue_id, is_counted, run_number
        ) as member_to,
        is_run_start
    from (
        select
            marked.*,
            count(*) filter (where is_run_start) over (
                partition by sprint_id, issue_id, is_counted order by member_from
            ) as run_number
        from (
            select
                clipped.*,
                coalesce(
                    member_from > max(member_to) over (
                        partition by sprint_id, issue_id, is_counted
                        order by member_from
                        rows between unbounded preceding and 1 preceding
                    ),
                    true
                ) as is_run_start
            from clipped
            where member_from < member_to
        ) as marked
    ) as numbered

),

memberships as (

    select
        sprint_id,
        issue_id,
        board_id,
        member_from,
        member_to,
        is_inferred
    from merged
    where is_run_start and is_counted

),

arrivals as (

    select
        sprint_id,
        issue_id,
        board_id,
        member_from
    from merged
    where is_run_start and is_as_it_stood and not is_inferred

),

-- Teams move leftovers at the review: leaving for a later sprint shortly before the finish is
-- leaving just after it.
moved_at_the_review as (

    select distinct
        memberships.sprint_id,
        memberships.issue_id,
        memberships.member_from,
        sprints.finish_at + interval '1 millisecond' as member_to
    from memberships
    inner join sprints on memberships.sprint_id = sprints.sprint_id
    inner join arrivals
        on
            memberships.issue_id = arrivals.issue_id
            and memberships.board_id = arrivals.board_id
            and arrivals.member_from
            between memberships.member_to - interval '1 minute'
            and memberships.member_to + interval '1 minute'
    inner join sprints as later_sprints
        on
            arrivals.sprint_id = later_sprints.sprint_id
            and sprints.start_at < later_sprints.start_at
    where
        memberships.member_to
        between sprints.finish_at
        - {{ var('sprint_closing_grace_hours', 24) }} * interval '1 hour'
        and sprints.finish_at

),

final as (

    select
        memberships.sprint_id,
        memberships.issue_id,
        memberships.member_from,
        coalesce(moved_at_the_review.member_to, memberships.member_to) as member_to,
        memberships.is_inferred or sprints.follows_query as is_inferred
    from memberships
    inner join sprints on memberships.sprint_id = sprints.sprint_id
    left join moved_at_the_review
        on
            memberships.sprint_id = moved_at_the_review.sprint_id
            and memberships.issue_id = moved_at_the_review.issue_id
            and memberships.member_from = moved_at_the_review.member_from

)

select * from final
