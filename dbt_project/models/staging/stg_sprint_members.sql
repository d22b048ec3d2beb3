{{ union_trackers('sprint_members', ['sprint_id', 'issue_id']) }}
