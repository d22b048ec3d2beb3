{{ config(materialized='table') }}

with

sprints as (

    select
        sprint_id,
        board_id,
        start_at,
        finish_at,
        baseline_at,
        measured_at,
        has_begun,
        is_closed
    from {{ ref('int_sprints') }}

),

memberships as (

    select
        sprint_id,
        issue_id,
        member_from,
        member_to,
        is_inferred
    from {{ ref('int_sprint_memberships') }}

),

issues as (

    select
        issue_id,
        project,
        team_value,
        issue_type,
        story_points
    from {{ ref('int_issues') }}

),

missing_issues as (

    select issue_id
    from {{ ref('int_issues') }}
    where is_missing

),

state_visits as (

    select
        issue_id,
        state_category,
        entered_at,
        left_at
    from {{ ref('int_issue_state_visits') }}

),

resolutions as (

    select
        issue_id,
        is_resolved,
        valid_from,
        valid_to
    from {{ ref('int_issue_resolutions') }}

),

attribute_intervals as (

    select
        issue_id,
        attribute,
        value,
        valid_from,
        valid_to
    from {{ ref('int_issue_attribute_intervals') }}

),

board_teams as (

    select
        board_id,
        team
    from {{ ref('int_board_teams') }}

),

excluded_teams as (

    select distinct {{ fold_case('team') }} as folded_team
    from {{ ref('excluded_teams') }}

),

-- In an open sprint a missing issue is no member when the sprint is measured.
endings as (

    select
        sprints.sprint_id,
        memberships.issue_id,
        sprints.start_at,
        sprints.baseline_at,
        sprints.measured_at,
        sprints.has_begun,
        memberships.member_from,
        case
            when missing_issues.issue_id is not null and not sprints.is_closed
                then least(memberships.member_to, sprints.measured_at)
            else memberships.member_to
        end as member_to,
        memberships.is_inferred
    from memberships
    inner join sprints on memberships.sprint_id = sprints.sprint_id
    left join missing_issues on memberships.issue_id = missing_issues.issue_id

),

-- A sprint that has not begun has members, but no scope yet.
meetings as (

    select
        sprint_id,
        issue_id,
        start_at,
        baseline_at,
        measured_at,
        member_from,
        member_to,
        is_inferred
    from endings
    where
        case
            when has_begun then member_from <= measured_at and member_to > start_at
            else member_from <= baseline_at and member_to > baseline_at
        end

),

-- What the memberships and the resolutions of an issue say together of each sprint.
measured as (

    select
        meetings.sprint_id,
        meetings.issue_id,
        min(meetings.member_from) as added_at,
        max(meetings.member_to) as last_member_to,
        (array_agg(meetings.is_inferred order by meetings.member_from))[1]
            as is_membership_inferred,
        bool_or(
            meetings.member_from <= meetings.baseline_at
            and meetings.member_to > meetings.baseline_at
        ) as is_member_at_baseline,
        bool_or(
            meetings.member_from <= meetings.measured_at
            and meetings.member_to > meetings.measured_at
        ) as is_member_at_end,
        bool_or(
            resolutions.is_resolved
            and resolutions.valid_from < meetings.start_at
            and resolutions.valid_to >= meetings.start_at
        ) as is_resolved_before_start,
        max(resolutions.valid_from) filter (
            where
            resolutions.is_resolved
            and resolutions.valid_from <= meetings.measured_at
            and resolutions.valid_to > meetings.measured_at
        ) as resolved_at,
        bool_or(
            resolutions.is_resolved
            and resolutions.valid_from <= meetings.measured_at
            and resolutions.valid_to > meetings.measured_at
            and meetings.member_from <= resolutions.valid_from
            and meetings.member_to > resolutions.valid_from
        ) as is_member_at_resolution,
        bool_or(
            not resolutions.is_resolved
            and meetings.baseline_at < meetings.measured_at
            and greatest(meetings.member_from, resolutions.valid_from)
            < least(meetings.member_to, resolutions.valid_to)
            and greatest(meetings.member_from, resolutions.valid_from) <= meetings.measured_at
            and least(meetings.member_to, resolutions.valid_to) > meetings.baseline_at
        ) as is_open_member_after_baseline
    from meetings
    inner join resolutions on meetings.issue_id = resolutions.issue_id
    where meetings.member_from < meetings.member_to
    group by meetings.sprint_id, meetings.issue_id

),

-- State, team, type, points and project as they stood.
states_then as (

    select
        measured.sprint_id,
        measured.issue_id,
        state_visits.state_category
    from measured
    inner join sprints on measured.sprint_id = sprints.sprint_id
    inner join state_visits
        on
            measured.issue_id = state_visits.issue_id
            and sprints.measured_at >= state_visits.entered_at
            and sprints.measured_at < coalesce(state_visits.left_at, 'infinity')
    where measured.resolved_at is not null

),

attributes_then as (

    select
        measured.sprint_id,
        measured.issue_id,
        bool_or(attribute_intervals.attribute = 'team') as has_team_history,
        max(attribute_intervals.value) filter (where attribute_intervals.attribute = 'team')
            as team,
        bool_or(attribute_intervals.attribute = 'type') as has_type_history,
        max(attribute_intervals.value) filter (where attribute_intervals.attribute = 'type')
            as issue_type,
        bool_or(attribute_intervals.attribute = 'story_points') as has_story_points_history,
        max(attribute_intervals.value) filter (
            where attribute_intervals.attribute = 'story_points'
        ) as story_points,
        max(attribute_intervals.value) filter (where attribute_intervals.attribute = 'project')
            as project
    from measured
    inner join sprints on measured.sprint_id = sprints.sprint_id
    inner join attribute_intervals
        on
            measured.issue_id = attribute_intervals.issue_id
            and sprints.measured_at >= attribute_intervals.valid_from
            and sprints.measured_at < attribute_intervals.valid_to
    group by measured.sprint_id, measured.issue_id

),

-- What has no history is as it is now.
as_it_stood as (

    select
        measured.sprint_id,
        measured.issue_id,
        sprints.start_at,
        sprints.baseline_at,
        sprints.measured_at,
        sprints.has_begun,
        measured.added_at,
        measured.last_member_to,
        measured.is_membership_inferred,
        measured.is_member_at_baseline,
        measured.is_member_at_end,
        measured.is_resolved_before_start,
        measured.resolved_at,
        measured.is_member_at_resolution,
        measured.is_open_member_after_baseline,
        measured.resolved_at is not null
        and coalesce(states_then.state_category <> 'cancelled', true) as is_done,
        coalesce(
            case
                when attributes_then.has_team_history then attributes_then.team
                else issues.team_value
            end,
            board_teams.team,
            attributes_then.project,
            issues.project,
            '(none)'
        ) as team,
        coalesce(
            case
                when attributes_then.has_type_history then attributes_then.issue_type
                else issues.issue_type
            end,
            '(none)'
        ) as issue_type,
        case
            when attributes_then.has_story_points_history
                then {{ points_of('attributes_then.story_points') }}
            else issues.story_points
        end as story_points
    from measured
    inner join sprints on measured.sprint_id = sprints.sprint_id
    inner join issues on measured.issue_id = issues.issue_id
    left join board_teams on sprints.board_id = board_teams.board_id
    left join states_then
        on
            measured.sprint_id = states_then.sprint_id
            and measured.issue_id = states_then.issue_id
    left join attributes_then
        on
            measured.sprint_id = attributes_then.sprint_id
            and measured.issue_id = attributes_then.issue_id

),

completions as (

    select
        as_it_stood.*,
        coalesce(
            is_done
            and resolved_at between start_at and measured_at
            and (is_member_at_resolution or is_member_at_end),
            false
        ) as is_completed
    from as_it_stood

),

plans as (

    select
        completions.*,
        has_begun
        and not is_resolved_before_start
        and (
            is_member_at_baseline
            or (is_completed and is_member_at_resolution and resolved_at <= baseline_at)
        ) as is_planned
    from completions

),

scopes as (

    select
        plans.*,
        has_begun
        and not is_planned
        and (is_completed or is_open_member_after_baseline) as is_added
    from plans

),

excluded_names as (

    select teams.team
    from (select distinct team from as_it_stood) as teams
    inner join excluded_teams on {{ fold_case('teams.team') }} = excluded_teams.folded_team

),

final as (

    select
        scopes.sprint_id,
        scopes.issue_id,
        scopes.team,
        scopes.issue_type,
        excluded_names.team is not null as is_excluded_team,
        scopes.has_begun,
        scopes.is_member_at_baseline,
        scopes.is_planned,
        scopes.is_added,
        scopes.is_completed,
        (scopes.is_planned or scopes.is_added)
        and not scopes.is_completed
        and not (scopes.is_member_at_end and scopes.resolved_at is null) as is_removed,
        (scopes.is_planned or scopes.is_added)
        and not scopes.is_completed
        and scopes.is_member_at_end
        and scopes.resolved_at is null as is_carried_over,
        scopes.is_membership_inferred,
        scopes.added_at,
        case when scopes.last_member_to < scopes.measured_at then scopes.last_member_to end
            as removed_at,
        case when scopes.is_completed then scopes.resolved_at end as completed_at,
        scopes.story_points::numeric(12, 2)
    from scopes
    left join excluded_names on scopes.team = excluded_names.team

)

select * from final
