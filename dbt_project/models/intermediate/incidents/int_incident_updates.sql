{{ union_monitorings('updates', [
    'update_id', 'incident_id', 'user_id', 'said_at', 'is_acknowledgement', 'message', 'old_severity'
]) }}
