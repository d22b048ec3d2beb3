"""Simulated trackers, and a monitoring: a deterministic company behind their APIs, over real HTTP.

    from demo.company import Company
    from demo.youtrack.server import start

    company = Company(issues=6000, seed=1, today="2026-06-01")    # the same bytes every time
    with start(company, port=0) as server:                        # 127.0.0.1, a free port
        server.url, server.token                                  # what an extractor needs
        company.advance(by=60_000)                                # let time pass (ms)
        company.set_state("APP-12", "Done")                       # edits write their activities
        server.fault("status", r"/issues", status=503, count=2)   # the next two fail
        server.stats.requests, server.stats.seconds               # the server's own share

Edits are methods of the company (`demo.tracker.Tracker`): create_issue, set_field, set_state,
set_team, set_type, set_points, resolve, reopen, edit_summary, touch, move_issue, delete_issue,
hide_issue, hide_project, hide_board, add_to_sprint, remove_from_sprint, move_between_sprints,
rename_*, add_value, set_sprint_dates, archive_sprint, delete_sprint, plant_unknown_activity; and
`company.random_edits(rng, n)` draws a log of them. Faults are rules (`demo.faults.Fault`).
Switches of every server (`demo.serving.Server`): `latency_ms`, `token`, `requests` (set it to [] to
record request lines). Of YouTrack's: `is_guest`, `hidden_attributes` (a set such as
{"Project.archived"}), `issues_cap`, `unknown_issue_id_is_error`; `company.timezone` is the token
user's; `demo.youtrack.recorded.load` serves a folder of recordings. Of Yandex.Tracker's
and of Zabbix's: see `demo.yandex_tracker.server` and `demo.zabbix.server`.
"""
