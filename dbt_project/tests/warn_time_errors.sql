{{ config(severity='warn') }}

select
    issue_id_readable || ' was resolved before it was created or started; it has no such span'
        as message
from {{ ref('fct_issues') }}
where has_time_error
