{{ config(severity='warn') }}

-- Incidents of a misspelt host group, service or team stand beside no sprint.
with

service_teams as (

    select
        kind,
        name,
        team
    from {{ ref('service_teams') }}

),

incident_places as (

    select
        'host_group' as kind,
        jsonb_array_elements_text(host_groups) as name
    from {{ ref('int_triggers') }}

    union

    select
        'service' as kind,
        service as name
    from {{ ref('fct_incidents') }}

),

teams as (

    select {{ fold_case('team') }} as folded_team
    from {{ ref('agg_sprint_throughput') }}

),

found as (

    select
        service_teams.kind,
        service_teams.name,
        service_teams.team,
        incident_places.name is not null as is_place_known,
        {{ fold_case('service_teams.team') }} in (select teams.folded_team from teams)
            as is_team_known
    from service_teams
    left join incident_places
        on
            service_teams.kind = incident_places.kind
            and service_teams.name = incident_places.name

)

select
    'service_teams.csv names the ' || replace(kind, '_', ' ') || ' "' || name
    || '", which no incident has' as message
from found
where not is_place_known

union all

select 'service_teams.csv names the team "' || team || '", which no sprint has' as message
from found
where not is_team_known
