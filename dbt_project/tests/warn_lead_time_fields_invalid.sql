{{ config(severity='warn') }}

-- Negative values and int32 overflows of a workflow rule: the issue falls back on its history.
select
    issues.issue_id_readable || ' holds ' || coalesce(
        issues.lead_time_period_minutes, issues.lead_time_number
    ) || ' in its lead-time field, which is no lead time' as message
from {{ ref('int_issue_lead_times') }} as lead_times
inner join {{ ref('int_issues') }} as issues on lead_times.issue_id = issues.issue_id
where lead_times.has_invalid_field_value
