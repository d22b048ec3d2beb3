-- planned = planned_completed + planned_removed + planned_carried_over, and in scope = outcomes.
select
    'The throughput of sprint ' || sprint || ', team ' || team || ', type ' || issue_type
    || ' does not add up' as message
from {{ ref('agg_sprint_throughput') }}
where
    planned_count <> planned_completed_count + planned_removed_count + planned_carried_over_count
    or planned_points
    <> planned_completed_points + planned_removed_points + planned_carried_over_points
    or planned_count + added_count <> completed_count + removed_count + carried_over_count
    or planned_points + added_points <> completed_points + removed_points + carried_over_points
