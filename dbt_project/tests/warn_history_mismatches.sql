{{ config(severity='warn') }}

select
    'The recorded changes of ' || issue_id_readable || ' do not lead to what it shows now (state '
    || state || ', team ' || team || ', type ' || issue_type || ')' as message
from {{ ref('fct_issues') }}
where has_history_mismatch
