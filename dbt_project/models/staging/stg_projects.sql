{{ union_trackers('projects', ['project_id', 'project_short_name']) }}
