{{ config(severity='warn') }}

select
    issue_id_readable || ' is in state ' || state || ', where its recorded changes do not lead'
        as message
from {{ ref('fct_issues') }}
where has_history_mismatch
