{{ union_trackers('board_projects', ['board_id', 'project_id', 'missed_at']) }}
