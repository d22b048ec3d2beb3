-- Planned and added exclude each other; each planned or added issue is exactly one of completed,
-- removed and carried over, and nobody else is.
select
    'The issue ' || issue_id || ' in the sprint ' || sprint || ' has no outcome or several'
        as message
from {{ ref('fct_sprint_issues') }}
where
    (is_planned and is_added)
    or is_completed::integer + is_removed::integer + is_carried_over::integer
    <> is_planned::integer + is_added::integer
