{{ union_trackers('attribute_changes', [
    'issue_id',
    'attribute',
    'change_number',
    'changed_at',
    'is_of_replaced_field',
    'from_value_id',
    'from_value',
    'from_category',
    'to_value_id',
    'to_value',
    'to_category'
]) }}
