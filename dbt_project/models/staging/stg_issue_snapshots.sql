-- Nothing is built on a wrong field name: the test that finds one reads these.
-- depends_on: {{ ref('stg_fields') }}
-- depends_on: {{ ref('stg_field_roles') }}

{{ union_trackers('issue_snapshots', [
    'issue_id',
    'issue_id_readable',
    'project_id',
    'project',
    'summary',
    'created_at',
    'updated_at',
    'resolved_at',
    'state_id',
    'state',
    'state_category',
    'team',
    'issue_type',
    'assignee',
    'estimate',
    'story_points',
    'lead_time_number',
    'lead_time_period_minutes',
    'priority',
    'due_date',
    'resolution',
    'parent_id_readable',
    'epic_id_readable',
    'is_missing'
]) }}
