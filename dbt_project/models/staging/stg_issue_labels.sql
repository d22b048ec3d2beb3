{{ union_trackers('issue_labels', ['issue_id', 'kind', 'label']) }}
