select
    'The percentiles of team ' || team || ', type ' || issue_type || ', sprint ' || sprint
    || ', quarter ' || quarter || ' do not rise' as message
from {{ ref('agg_lead_time_percentiles') }}
where
    not (
        p10 <= p25
        and p25 <= p50
        and p50 <= p75
        and p75 <= p85
        and p85 <= p90
        and p90 <= p95
        and issues_count > 0
    )
