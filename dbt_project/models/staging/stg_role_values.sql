{{ union_trackers('role_values', ['role', 'value_name']) }}
