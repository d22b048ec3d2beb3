{{ union_trackers('fields', [
    'project_id',
    'field_id',
    'field_name',
    'localized_field_name',
    'is_detached'
]) }}
