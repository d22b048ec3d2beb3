{{ union_trackers('boards', ['board_id', 'board']) }}
