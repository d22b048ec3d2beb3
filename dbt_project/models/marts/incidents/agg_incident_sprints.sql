with

incidents as (

    select
        incident_id,
        trigger_id,
        service,
        started_at,
        {{ incident_counted_until() }} as counted_until
    from {{ ref('fct_incidents') }}
    where not is_suppressed

),

{{ trigger_places() }},

service_teams as (

    select
        kind,
        name,
        team
    from {{ ref('service_teams') }}

),

sprints as (

    select
        sprint_id,
        team,
        sprint,
        board,
        start_at,
        finish_at,
        is_closed,
        sum(planned_count) filter (where is_story) as planned_count,
        sum(completed_count) filter (where is_story) as completed_count
    from {{ ref('agg_sprint_throughput') }}
    group by sprint_id, team, sprint, board, start_at, finish_at, is_closed

),

team_sprints as (

    select
        *,
        {{ fold_case('team') }} as folded_team
    from sprints
    where {{ fold_case('team') }} in (select {{ fold_case('team') }} from service_teams)

),

-- Each incident once a team, by whichever of its host groups and service are the team's.
team_incidents as (

    select
        incidents.incident_id,
        incidents.started_at,
        incidents.counted_until,
        {{ fold_case('service_teams.team') }} as folded_team
    from incidents
    inner join service_teams
        on service_teams.kind = 'service' and incidents.service = service_teams.name

    union

    select
        incidents.incident_id,
        incidents.started_at,
        incidents.counted_until,
        {{ fold_case('service_teams.team') }} as folded_team
    from incidents
    inner join trigger_places on incidents.trigger_id = trigger_places.trigger_id
    inner join service_teams
        on
            trigger_places.place_kind = service_teams.kind
            and trigger_places.place = service_teams.name

),

final as (

    select
        team_sprints.team,
        team_sprints.sprint_id,
        team_sprints.sprint,
        team_sprints.board,
        {{ reporting_date('team_sprints.start_at') }} as sprint_start_date,
        {{ reporting_date('team_sprints.finish_at') }} as sprint_finish_date,
        team_sprints.is_closed,
        count(*) filter (
            where
            team_incidents.started_at >= team_sprints.start_at
            and team_incidents.started_at <= team_sprints.finish_at
        )::integer as incidents_count,
        coalesce(sum(
            extract(
                epoch from
                least(team_incidents.counted_until, team_sprints.finish_at)
                - greatest(team_incidents.started_at, team_sprints.start_at)
            ) / 60
        -- of a sprint without incidents, least and greatest would give its own length
        ) filter (where team_incidents.incident_id is not null), 0)::numeric(12, 2) as open_minutes,
        coalesce(team_sprints.planned_count, 0)::integer as planned_count,
        coalesce(team_sprints.completed_count, 0)::integer as completed_count
    from team_sprints
    left join team_incidents
        on
            team_sprints.folded_team = team_incidents.folded_team
            and team_sprints.finish_at >= team_incidents.started_at
            and team_sprints.start_at <= team_incidents.counted_until
    group by
        team_sprints.team,
        team_sprints.sprint_id,
        team_sprints.sprint,
        team_sprints.board,
        team_sprints.start_at,
        team_sprints.finish_at,
        team_sprints.is_closed,
        team_sprints.planned_count,
        team_sprints.completed_count

)

select * from final
