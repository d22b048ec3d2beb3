-- Each visit ends where the next one begins; the last one, and no other, is open.
with

visits as (

    select
        issue_id,
        visit_number,
        left_at,
        lead(entered_at) over (partition by issue_id order by visit_number) as next_entered_at,
        row_number() over (partition by issue_id order by visit_number) as expected_number
    from {{ ref('fct_state_intervals') }}

)

select
    'The visit ' || visit_number || ' of issue ' || issue_id
    || ' does not end where the next begins' as message
from visits
where
    left_at is distinct from next_entered_at
    or visit_number <> expected_number
