{{ config(materialized='table', indexes=[{'columns': ['issue_id'], 'unique': true}]) }}

with

snapshots as (

    select
        tracker,
        issue_id,
        issue_id_readable,
        project,
        summary,
        created_at,
        updated_at,
        resolved_at,
        state_id,
        state,
        state_category,
        team,
        issue_type,
        assignee,
        story_points,
        lead_time_number,
        lead_time_period_minutes,
        priority,
        due_date,
        resolution,
        parent_id_readable,
        epic_id_readable,
        is_missing
    from {{ ref('stg_issue_snapshots') }}

),

attribute_changes as (

    select
        issue_id,
        attribute,
        change_number,
        is_of_replaced_field,
        to_value_id,
        to_value
    from {{ ref('stg_attribute_changes') }}
    where attribute in ('state', 'team', 'type', 'story_points')

),

moves as (

    select
        issue_id,
        max(changed_at) as moved_at
    from {{ ref('stg_attribute_changes') }}
    where attribute = 'project'
    group by issue_id

),

state_categories as (

    select
        state,
        category
    from {{ ref('state_categories') }}

),

memberships as (

    select
        sprint_id,
        issue_id
    from {{ ref('int_sprint_memberships') }}
    where
        member_from <= {{ as_of() }}
        and member_to > {{ as_of() }}

),

board_sprints as (

    select
        sprint_id,
        board_id
    from {{ ref('stg_board_sprints') }}
    where not is_missing

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

named_categories as (

    select
        states.state,
        state_categories.category
    from (select distinct state from snapshots) as states
    inner join state_categories
        on {{ fold_case('states.state') }} = {{ fold_case('state_categories.state') }}

),

-- The team of the smallest board that now holds the issue and has a team.
teams_by_board as (

    select distinct on (memberships.issue_id)
        memberships.issue_id,
        board_teams.team
    from memberships
    inner join board_sprints on memberships.sprint_id = board_sprints.sprint_id
    inner join board_teams on board_sprints.board_id = board_teams.board_id
    order by memberships.issue_id asc, {{ id_order('board_teams.board_id') }} asc

),

teamed as (

    select
        snapshots.*,
        coalesce(snapshots.team, teams_by_board.team, snapshots.project) as team_or_fallback
    from snapshots
    left join teams_by_board on snapshots.issue_id = teams_by_board.issue_id

),

-- Where the recorded changes of the state lead, and of whatever a field was replaced for.
last_changes as (

    select distinct on (issue_id, attribute)
        issue_id,
        attribute,
        to_value_id,
        to_value
    from attribute_changes
    where
        attribute = 'state'
        or (issue_id, attribute) in (
            select
                replaced.issue_id,
                replaced.attribute
            from attribute_changes as replaced
            where replaced.is_of_replaced_field
        )
    order by issue_id asc, attribute asc, change_number desc

),

mismatches as (

    select distinct snapshots.issue_id
    from snapshots
    inner join last_changes on snapshots.issue_id = last_changes.issue_id
    where
        case last_changes.attribute
            when 'state'
                then
                    last_changes.to_value is distinct from snapshots.state
                    and not coalesce(last_changes.to_value_id = snapshots.state_id, false)
            when 'team' then last_changes.to_value is distinct from snapshots.team
            when 'type' then last_changes.to_value is distinct from snapshots.issue_type
            when 'story_points'
                then
                    {{ points_of('last_changes.to_value') }}
                    is distinct from snapshots.story_points
        end

),

excluded_names as (

    select teams.team_or_fallback
    from (select distinct team_or_fallback from teamed) as teams
    inner join excluded_teams
        on {{ fold_case('teams.team_or_fallback') }} = excluded_teams.folded_team

),

final as (

    select
        teamed.issue_id,
        teamed.issue_id_readable,
        teamed.project,
        teamed.summary,
        teamed.team as team_value,
        teamed.team_or_fallback as team,
        teamed.issue_type,
        teamed.state,
        {{ state_category(
            'teamed.state', 'named_categories.category', 'teamed.state_category'
        ) }} as state_category,
        teamed.assignee,
        teamed.story_points,
        teamed.lead_time_number,
        teamed.lead_time_period_minutes,
        teamed.priority,
        teamed.due_date,
        teamed.resolution,
        teamed.parent_id_readable,
        teamed.epic_id_readable,
        teamed.created_at,
        teamed.updated_at,
        teamed.resolved_at,
        moves.moved_at,
        teamed.resolved_at is not null as is_resolved,
        excluded_names.team_or_fallback is not null as is_excluded_team,
        teamed.is_missing,
        mismatches.issue_id is not null as has_history_mismatch,
        teamed.tracker
    from teamed
    left join named_categories on teamed.state = named_categories.state
    left join excluded_names on teamed.team_or_fallback = excluded_names.team_or_fallback
    left join moves on teamed.issue_id = moves.issue_id
    left join mismatches on teamed.issue_id = mismatches.issue_id

)

select * from final
