{{ union_trackers('board_sprints', [
    'sprint_id',
    'sprint_name',
    'board_id',
    'board',
    'start_at',
    'finish_at',
    'is_archived',
    'is_missing',
    'has_sprints_disabled',
    'sprint_field_id',
    'follows_query'
]) }}
