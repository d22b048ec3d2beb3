{{ config(severity='warn') }}

-- The tracker keeps no history of a sprint's own dates and name: an edit after the finish changes
-- what was reported. Compared with the marts that are published now.
select
    'The sprint "' || published_sprints.sprint || '" was closed with '
    || published_sprints.start_at || ' to ' || published_sprints.finish_at || '; now it is "'
    || sprints.sprint || '" with ' || sprints.start_at || ' to ' || sprints.finish_at as message
from {{ ref('dim_sprints') }} as sprints
inner join {{ published_mart('dim_sprints') }} as published_sprints
    on sprints.sprint_id = published_sprints.sprint_id
where
    published_sprints.is_closed
    and (
        sprints.sprint <> published_sprints.sprint
        or sprints.start_at <> published_sprints.start_at
        or sprints.finish_at <> published_sprints.finish_at
    )
