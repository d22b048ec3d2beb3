{{ union_trackers('work_time_settings', ['minutes_a_day']) }}
