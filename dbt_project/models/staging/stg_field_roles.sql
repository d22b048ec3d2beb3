{{ union_trackers('field_roles', ['role', 'project_id', 'field_id']) }}
