{{ union_trackers('sprint_changes', [
    'sprint_id',
    'issue_id',
    'changed_at',
    'membership_change'
]) }}
