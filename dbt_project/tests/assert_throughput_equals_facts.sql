-- Counts and points of a sprint, over all teams and types, come from the same rows of the facts.
with

facts as (

    select
        sprint_id,
        count(*) filter (where is_planned) as planned_count,
        count(*) filter (where is_added) as added_count,
        count(*) filter (where is_completed) as completed_count,
        coalesce(sum(story_points) filter (where is_planned), 0) as planned_points,
        coalesce(sum(story_points) filter (where is_completed), 0) as completed_points
    from {{ ref('fct_sprint_issues') }}
    where not is_excluded_team
    group by sprint_id

),

throughput as (

    select
        sprint_id,
        sum(planned_count) as planned_count,
        sum(added_count) as added_count,
        sum(completed_count) as completed_count,
        sum(planned_points) as planned_points,
        sum(completed_points) as completed_points
    from {{ ref('agg_sprint_throughput') }}
    group by sprint_id

)

select
    'The throughput of sprint ' || coalesce(facts.sprint_id, throughput.sprint_id)
    || ' differs from its issues' as message
from facts
full join throughput on facts.sprint_id = throughput.sprint_id
where
    facts.planned_count is distinct from throughput.planned_count
    or facts.added_count is distinct from throughput.added_count
    or facts.completed_count is distinct from throughput.completed_count
    or facts.planned_points is distinct from throughput.planned_points
    or facts.completed_points is distinct from throughput.completed_points
