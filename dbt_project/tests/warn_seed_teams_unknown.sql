{{ config(severity='warn') }}

-- A misspelt team excludes nobody. Teams of the past count too, since sprints go by them.
with

teams as (

    select team from {{ ref('int_issues') }}

    union

    select team from {{ ref('int_sprint_issues') }}

    union

    select team from {{ ref('int_board_teams') }}

)

select
    'excluded_teams.csv names the team "' || excluded_teams.team
    || '", which no issue, sprint or board has' as message
from {{ ref('excluded_teams') }} as excluded_teams
where
    not exists (
        select 1
        from teams
        where {{ fold_case('teams.team') }} = {{ fold_case('excluded_teams.team') }}
    )
