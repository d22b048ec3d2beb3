{{ config(severity='warn') }}

-- A project that left the board before its first read is known from its issues alone: they were
-- given to a sprint before it was over. A name that several boards use tells of none of them.
with

board_sprints as (

    select
        sprint_id,
        board_id,
        board,
        has_sprints_disabled,
        start_at,
        finish_at,
        count(*) over (partition by sprint_field_id, sprint_name) = 1 as is_only_one_of_its_name
    from {{ ref('stg_board_sprints') }}
    where board_id <> sprint_field_id

),

board_projects as (

    select
        board_id,
        project_id
    from {{ ref('stg_board_projects') }}

),

boards_with_projects as (

    select distinct board_id
    from board_projects

),

sprints as (

    select
        board_sprints.sprint_id,
        board_sprints.board_id,
        board_sprints.board,
        board_sprints.finish_at
    from board_sprints
    inner join boards_with_projects on board_sprints.board_id = boards_with_projects.board_id
    where
        board_sprints.is_only_one_of_its_name
        and not board_sprints.has_sprints_disabled
        and board_sprints.start_at <= board_sprints.finish_at
        and board_sprints.finish_at < {{ as_of() }}

),

additions as (

    select
        sprints.board_id,
        sprints.board,
        sprint_changes.issue_id,
        coalesce(project_intervals.value_id, issues.project_id) as project_id
    from {{ ref('stg_sprint_changes') }} as sprint_changes
    inner join sprints
        on
            sprint_changes.sprint_id = sprints.sprint_id
            and sprint_changes.changed_at <= sprints.finish_at
    inner join {{ ref('stg_issue_snapshots') }} as issues
        on sprint_changes.issue_id = issues.issue_id
    left join {{ ref('int_issue_attribute_intervals') }} as project_intervals
        on
            sprint_changes.issue_id = project_intervals.issue_id
            and project_intervals.attribute = 'project'
            and sprint_changes.changed_at >= project_intervals.valid_from
            and sprint_changes.changed_at < project_intervals.valid_to
    where sprint_changes.membership_change = 1

)

select
    'Closed sprints of the board "' || coalesce(additions.board, additions.board_id)
    || '" were given to issues of ' || projects.project_short_name || ' (issues: '
    || count(distinct additions.issue_id) || '), which was not on the board when it was first '
    || 'read: if it was taken off before, these sprints are told without it' as message
from additions
inner join {{ ref('stg_projects') }} as projects
    on additions.project_id = projects.project_id
left join board_projects
    on
        additions.board_id = board_projects.board_id
        and additions.project_id = board_projects.project_id
where board_projects.project_id is null
group by additions.board_id, additions.board, projects.project_id, projects.project_short_name
