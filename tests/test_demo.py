"""The simulated YouTrack answers as the real one does, its silent traps included."""

from __future__ import annotations

import json
import os
import random
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import requests

from demo.company import Company
from demo.youtrack.recorded import load
from demo.youtrack.server import Server, start

REPOSITORY = Path(__file__).resolve().parent.parent
SAMPLES = REPOSITORY.parent / "shared" / "youtrack-samples"
CATEGORIES = (
    "CustomFieldCategory,SprintCategory,IssueCreatedCategory,IssueResolvedCategory,ProjectCategory"
)
ISSUE_FIELDS = "id,updated,summary,customFields(name,value(name,login))"
Get = Callable[..., requests.Response]


@pytest.fixture(scope="module")
def company() -> Company:
    return Company(1300, seed=2, today="2026-06-03")


@pytest.fixture(scope="module")
def running(company: Company) -> Iterator[Server]:
    with start(company) as youtrack:
        yield youtrack


@pytest.fixture
def youtrack(running: Server) -> Iterator[Server]:
    """The shared server, with every switch back in its place afterwards."""
    yield running
    running.faults.clear()
    running.hidden_attributes.clear()
    running.is_guest = running.unknown_issue_id_is_error = False
    running.latency_ms, running.issues_cap = 0, 3500
    running.tracker.timezone = "UTC"
    running.requests = None


@pytest.fixture
def get(youtrack: Server) -> Iterator[Get]:
    with requests.Session() as session:
        session.headers["Authorization"] = f"Bearer {youtrack.token}"

        def ask(path: str, **parameters: Any) -> requests.Response:
            named = {key.replace("__", "$"): value for key, value in parameters.items()}
            return session.get(youtrack.url + path, params=named, timeout=20)

        yield ask


def count(youtrack: Server, query: str) -> list[int]:
    """Two answers of the counter."""
    answers = [
        requests.post(
            f"{youtrack.url}/api/issuesGetter/count?fields=count",
            json={"query": query},
            headers={"Authorization": f"Bearer {youtrack.token}"},
            timeout=20,
        ).json()["count"]
        for _ in range(2)
    ]
    return answers


# --- fields ----------------------------------------------------------------------------------


def test_without_fields_only_id_and_type(get: Get) -> None:
    row = get("/api/issues", __top=1).json()[0]
    assert row.keys() == {"id", "$type"}


def test_unknown_names_vanish_and_empty_scalars_are_null(get: Get) -> None:
    fields = "idReadable,resolvd,resolved,project(shortName,login),tags(id)"
    row = get("/api/issues", fields=fields, query="#Unresolved", __top=1).json()[0]
    assert row.keys() == {"idReadable", "resolved", "project", "tags", "$type"}
    assert row["resolved"] is None
    assert row["tags"] == []
    assert row["project"].keys() == {"shortName", "$type"}


def test_bare_values_and_changes_bring_only_their_type(get: Get) -> None:
    shown = get("/api/issues", fields="customFields(name,value),project", __top=5).json()
    assert shown[0]["project"].keys() == {"id", "$type"}
    values = [field["value"] for row in shown for field in row["customFields"]]
    assert {"$type": "StateBundleElement"} in values
    assert all(value.keys() == {"$type"} for value in values if isinstance(value, dict))
    changes = get("/api/activities", categories=CATEGORIES, fields="added,removed").json()
    objects = [one for row in changes if isinstance(row["added"], list) for one in row["added"]]
    assert objects
    assert all(one.keys() == {"$type"} for one in objects)


def test_one_key_in_two_forms_loses_the_selection_and_a_sibling(get: Get) -> None:
    row = get("/api/issues", fields="id,summary,customFields(name),customFields", __top=1).json()[0]
    assert row["customFields"][0].keys() == {"id", "$type"}
    assert "summary" not in row


@pytest.mark.parametrize("fields", ["*", "id,", "id(", "id)", "id,,name", "(id)", "id name"])
def test_broken_fields_are_a_bad_request(get: Get, fields: str) -> None:
    answer = get("/api/issues", fields=fields)
    assert answer.status_code == 400
    assert answer.json()["error"] == "bad_request"


def test_custom_fields_parameter_filters_by_name_or_localised_name(get: Get) -> None:
    fields = "customFields(name)"
    row = get("/api/issues", fields=fields, customFields=["state", "приоритет"], __top=1,
              query="project: APP").json()[0]  # fmt: skip
    assert {field["name"] for field in row["customFields"]} == {"State", "Priority"}


def test_hidden_attributes_are_absent(get: Get, youtrack: Server) -> None:
    youtrack.hidden_attributes.add("Project.archived")
    assert "archived" not in get("/api/admin/projects", fields="id,archived").json()[0]


# --- paging ----------------------------------------------------------------------------------


def test_missing_top_cuts_in_silence(get: Get) -> None:
    assert len(get("/api/issues").json()) == 1000
    assert len(get("/api/activities", categories=CATEGORIES).json()) == 1000
    assert len(get("/api/activities", categories=CATEGORIES, __top=-1).json()) == 1000
    assert len(get("/api/agiles/120-0/sprints").json()) == 42
    assert len(get("/api/agiles/120-0/sprints", __top=-1).json()) > 42
    assert len(get("/api/admin/customFieldSettings/customFields").json()) <= 42


def test_issues_are_capped(get: Get, youtrack: Server) -> None:
    assert len(get("/api/issues", __top=-1).json()) == 1300
    youtrack.issues_cap = 1100
    assert len(get("/api/issues", __top=-1).json()) == 1100
    assert len(get("/api/issues", __top=5000).json()) == 1100


def test_pages_join_to_the_whole(get: Get) -> None:
    query, pages, skip = "sort by: created asc", [], 0
    while page := get("/api/issues", query=query, __top=400, __skip=skip).json():
        pages.append(page)
        skip += 400
    assert [len(page) for page in pages] == [400, 400, 400, 100]
    assert len({row["id"] for page in pages for row in page}) == 1300


@pytest.mark.parametrize("reverse", ["false", "true"])
def test_cursor_pages_join_to_the_whole(get: Get, youtrack: Server, reverse: str) -> None:
    fields = "activities(id,timestamp),afterCursor,hasAfter,hasBefore"
    rows: list[dict[str, Any]] = []
    cursor: dict[str, str] = {}
    while True:
        page = get("/api/activitiesPage", categories=CATEGORIES, fields=fields, reverse=reverse,
                   __top=3000, **cursor).json()  # fmt: skip
        assert page["hasBefore"] is bool(cursor)
        rows += page["activities"]
        if not page["hasAfter"]:
            break
        cursor = {"cursor": page["afterCursor"]}
    assert len({row["id"] for row in rows}) == len(rows) == len(youtrack.tracker.feed())
    stamps = [row["timestamp"] for row in rows]
    assert stamps == sorted(stamps, reverse=reverse == "true")


# --- activities ------------------------------------------------------------------------------


def test_categories_are_required_and_case_sensitive(get: Get) -> None:
    for path in ("/api/activities", "/api/activitiesPage", "/api/issues/APP-1/activities"):
        answer = get(path)
        assert answer.status_code == 400
        assert "No requested categories" in answer.json()["error_description"]
    assert get("/api/activities", categories="customfieldcategory").json() == []
    page = get("/api/activitiesPage", categories="NoSuchCategory", fields="activities(id),hasAfter")
    assert page.json() == {"activities": [], "hasAfter": False, "$type": "ActivityCursorPage"}


def test_start_end_and_issue_query_narrow_the_feed(get: Get, youtrack: Server) -> None:
    feed = youtrack.tracker.feed()
    low, high = feed[100].timestamp, feed[900].timestamp
    rows = get("/api/activities", categories=CATEGORIES, start=low, end=high, __top=5000,
               fields="id,timestamp").json()  # fmt: skip
    assert [row["id"] for row in rows] == [a.id for a in feed if low <= a.timestamp <= high]
    rows = get("/api/activities", categories=CATEGORIES, issueQuery="project: SRV", __top=5000,
               fields="target(idReadable)").json()  # fmt: skip
    assert rows
    assert all(row["target"]["idReadable"].startswith("SRV-") for row in rows)
    own = get("/api/issues/APP-1/activities", categories=CATEGORIES, fields="target(id)").json()
    assert {row["target"]["id"] for row in own} == {youtrack.tracker.find("APP-1").id}


def test_changes_have_the_recorded_shapes(get: Get) -> None:
    fields = "category(id),field(customField(fieldType(id))),added(id,name),removed(id,name)"
    rows = get("/api/activities", categories=CATEGORIES, fields=fields, __top=100_000).json()
    for row in rows:
        category, added, removed = row["category"]["id"], row["added"], row["removed"]
        if category == "IssueCreatedCategory":
            assert added == removed == []
        elif category == "IssueResolvedCategory":
            assert {type(added), type(removed)} == {int, type(None)}
        elif category == "ProjectCategory":
            assert added["$type"] == removed["$type"] == "IssueKey"
        elif category == "SprintCategory":
            assert isinstance(added, list) and isinstance(removed, list)
            assert {one["$type"] for one in added + removed} == {"Sprint"}
        elif "[" in row["field"]["customField"]["fieldType"]["id"]:
            assert isinstance(added, list) and isinstance(removed, list)
        else:
            assert not isinstance(added, (list, dict)) and not isinstance(removed, (list, dict))


# --- queries ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "query",
    [
        "created: notadate .. *", "created: {2026-01-01T00:00:00} .. {2026-02-01T00:00:00}",
        "project: NOPE", "State: Nonsense", "sort by: nonsense", "updated: 2026-13-45",
        "created: 1700000000000",
    ],
)  # fmt: skip
def test_bad_values_are_an_invalid_query(get: Get, query: str) -> None:
    answer = get("/api/issues", query=query)
    assert answer.status_code == 400
    assert answer.json()["error"] == "invalid_query"
    assert answer.json()["error_children"][0]["error_description"]


def test_unknown_attributes_find_nothing_and_parentheses_everything(get: Get) -> None:
    assert get("/api/issues", query="Nonsense: value").json() == []
    assert len(get("/api/issues", query="((((", __top=2000).json()) == 1300


def test_windows_are_inclusive_to_the_second(get: Get, youtrack: Server) -> None:
    issue = youtrack.tracker.issues_by_created()[600]
    second = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(issue.created // 1000))
    for attribute in ("created", "updated"):
        moment = getattr(issue, attribute)
        second = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(moment // 1000))
        later = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(moment // 1000 + 1))
        query = f"{attribute}: {second} .. {second}"
        assert issue.id in {row["id"] for row in get("/api/issues", query=query).json()}
        query = f"{attribute}: {later} .. *"
        rows = get("/api/issues", query=query, __top=2000).json()
        assert issue.id not in {row["id"] for row in rows}


def test_dates_are_read_in_the_token_users_zone(get: Get, youtrack: Server) -> None:
    issue = youtrack.tracker.issues_by_created()[600]
    second = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(issue.created // 1000))
    query = f"created: {second} .. {second}"
    youtrack.tracker.timezone = "America/New_York"
    assert issue.id not in {row["id"] for row in get("/api/issues", query=query).json()}
    me = get("/api/users/me", fields="profiles(general(timezone(id)))").json()
    assert me["profiles"]["general"]["timezone"]["id"] == "America/New_York"


def test_queries_select_and_sort(get: Get, youtrack: Server) -> None:
    tracker = youtrack.tracker
    query = "project: APP, {Server & <Platform>} created: 2025-01-01 .. 2025-12-31 "
    rows = get("/api/issues", query=f"{query} sort by: created asc", __top=2000,
               fields="id,created").json()  # fmt: skip
    assert 100 < len(rows) < 1300
    assert [row["created"] for row in rows] == sorted(row["created"] for row in rows)
    rows = get("/api/issues", query="sort by: updated desc", __top=2000, fields="updated").json()
    assert [row["updated"] for row in rows] == sorted(
        (issue.updated for issue in tracker.issues.values()), reverse=True
    )
    rows = get("/api/issues", query="issue id: APP-1, APP-2, SRV-1", fields="idReadable").json()
    assert sorted(row["idReadable"] for row in rows) == ["APP-1", "APP-2", "SRV-1"]
    assert [row["idReadable"] for row in get("/api/issues", query="#APP-7",
            fields="idReadable").json()] == ["APP-7"]  # fmt: skip
    sprint = tracker.boards[0].sprints[20]
    rows = get("/api/issues", query=f"Board Mobile: {{{sprint.name}}}").json()
    assert {row["id"] for row in rows} == {issue.id for issue in tracker.members(sprint)}
    rows = get("/api/issues", query="project: ВИТ Состояние: {В работе} #Unresolved").json()
    assert rows


def test_unknown_issue_ids_are_skipped_or_refused(get: Get, youtrack: Server) -> None:
    query = "issue id: APP-1, APP-999999"
    assert len(get("/api/issues", query=query).json()) == 1
    youtrack.unknown_issue_id_is_error = True
    assert get("/api/issues", query=query).status_code == 400


def test_the_counter_needs_two_askings(youtrack: Server) -> None:
    in_app = sum(i.project.short_name == "APP" for i in youtrack.tracker.issues.values())
    assert count(youtrack, "project: APP created: * .. 2026-06-03") == [-1, in_app]
    assert count(youtrack, "") == [-1, 1300]


# --- access ----------------------------------------------------------------------------------


def test_wrong_tokens_are_refused(youtrack: Server) -> None:
    for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": "Basic x"}):
        answer = requests.get(f"{youtrack.url}/api/users/me", headers=headers, timeout=20)
        assert answer.status_code == 401
        assert answer.json()["error"] == "Unauthorized"


def test_a_guest_session_looks_like_success(get: Get, youtrack: Server) -> None:
    youtrack.is_guest = True
    assert get("/api/users/me", fields="guest,login").json()["guest"] is True
    assert get("/api/issues").json() == get("/api/admin/projects").json() == []


def test_paths_outside_the_api_answer_with_a_page(get: Get) -> None:
    for path in ("/", "/hub/api/users/me", "/tracker/api/users/me"):
        answer = get(path)
        assert answer.status_code == 200
        assert answer.headers["Content-Type"].startswith("text/html")
    answer = get("/api/nonsense")
    assert answer.status_code == 404
    assert answer.json()["error"] == "Not Found"
    assert get("/youtrack/api/users/me").json() == get("/api/users/me").json()


def test_absent_and_hidden_look_the_same(get: Get, youtrack: Server) -> None:
    company = youtrack.tracker
    absent = get("/api/issues/APP-999999")
    assert absent.status_code == 404
    assert absent.json()["error_description"] == "Entity with id APP-999999 not found"
    issue = company.find("APP-3")
    company.hide_issue(issue)
    assert get("/api/issues/APP-3").status_code == 404
    company.unhide_issue(issue)
    assert get("/api/issues/APP-3").json()["id"] == issue.id
    company.hide_project("SRV")
    assert len(get("/api/admin/projects").json()) == 2
    assert get(f"/api/admin/projects/{company.srv.id}/customFields").json() == []
    assert get("/api/issues", query="project: SRV").status_code == 400
    company.unhide_project("SRV")


# --- boards and fields -----------------------------------------------------------------------


def test_boards_show_their_settings_and_members(get: Get, youtrack: Server) -> None:
    fields = (
        "name,projects(shortName),sprintsSettings(isExplicit,disableSprints,explicitQuery,"
        "cardOnSeveralSprints,defaultSprint(id),sprintSyncField(id,name)),columnSettings(field(name),"
        "columns(presentation,isResolved,fieldValues(name)))"
    )
    boards = {board["name"]: board for board in get("/api/agiles", fields=fields).json()}
    assert len(boards) == 5
    assert boards["Ядро"]["sprintsSettings"]["sprintSyncField"]["name"] == "Спринт"
    assert boards["Витрина (канбан)"]["sprintsSettings"]["disableSprints"] is True
    assert boards["Mobile"]["sprintsSettings"]["isExplicit"] is True
    assert boards["Mobile"]["columnSettings"]["columns"][0]["fieldValues"][0]["name"] == "Submitted"
    sprints = get("/api/agiles/120-0/sprints", fields="id,name,issues(id)", __top=100).json()
    sprint = max(sprints, key=lambda one: len(one["issues"]))
    issue = sprint["issues"][0]["id"]
    held = get(f"/api/issues/{issue}/sprints", fields="id,name,agile(id)").json()
    assert sprint["id"] in {one["id"] for one in held}
    single = get(f"/api/agiles/120-0/sprints/{sprint['id']}", fields="id,name,issues(id)").json()
    assert single == sprint


def test_conditional_fields_are_absent_and_empty_ones_come_in_every_shape(get: Get) -> None:
    fields = "customFields(name,value(name,minutes))"
    rows = get("/api/issues", query="project: SRV", fields=fields, __top=1000).json()
    sizes = {len(row["customFields"]) for row in rows}
    assert len(sizes) == 2
    values = [field["value"] for row in rows for field in row["customFields"]]
    assert None in values
    assert [] in values
    assert {"$type": "PeriodValue"} in values


def test_a_state_machine_has_a_type_of_its_own_and_events(get: Get) -> None:
    fields = "customFields($type,name,value(name),event(id),possibleEvents(id,presentation))"
    row = get("/api/issues", query="project: ВИТ", fields=fields, __top=1).json()[0]
    state = next(field for field in row["customFields"] if field["name"] == "Состояние")
    assert state["$type"] == "StateMachineIssueCustomField"
    assert state["event"] is None
    assert len(state["possibleEvents"]) == 8


def test_issue_custom_fields_are_paged(get: Get) -> None:
    rows = get("/api/issues/APP-1/customFields", fields="name,value(name)", __top=3, __skip=1)
    assert [row["name"] for row in rows.json()] == ["Type", "State", "Assignee"]


# --- living data -----------------------------------------------------------------------------


def test_renames_and_edits_show_at_once(get: Get, youtrack: Server) -> None:
    company = youtrack.tracker
    fields = "updated,customFields(name,value(name))"
    issue = company.create_issue("APP", "Fresh", type="Bug")
    before = get(f"/api/issues/{issue.id}", fields=fields).json()
    company.rename_state("APP", "Submitted", "Newborn")
    after = get(f"/api/issues/{issue.id}", fields=fields).json()
    company.rename_state("APP", "Newborn", "Submitted")
    assert "Newborn" in json.dumps(after)
    assert after["updated"] == before["updated"]
    company.advance(by=1500)
    company.set_state(issue, "Done")
    shown = get(f"/api/issues/{issue.id}", fields="resolved,updated").json()
    assert shown["resolved"] == shown["updated"] == company.now
    company.delete_issue(issue)
    assert get(f"/api/issues/{issue.id}").status_code == 404


def test_statistics_count_requests_and_the_servers_own_time(get: Get, youtrack: Server) -> None:
    youtrack.stats.reset()
    youtrack.requests = []
    youtrack.latency_ms = 60
    started = time.monotonic()
    get("/api/issues", __top=10)
    assert time.monotonic() - started >= 0.06
    assert youtrack.stats.requests == 1
    assert 0 < youtrack.stats.seconds < 0.05
    assert youtrack.stats.paths == {"/api/issues": 1}
    assert youtrack.requests == ["GET /api/issues?%24top=10"]
    assert get("/demo/stats").json()["requests"] == 1


def test_edits_and_answers_do_not_disturb_each_other() -> None:
    company = Company(300, seed=2, today="2026-06-03")
    statuses: list[int] = []

    def read(youtrack: Server) -> None:
        headers = {"Authorization": f"Bearer {youtrack.token}"}
        for skip in range(0, 300, 30):
            for path in (
                f"issues?fields={ISSUE_FIELDS}&query=sort by: updated asc&$top=30&$skip={skip}",
                f"activitiesPage?fields=activities(id,added(name))&categories={CATEGORIES}",
                "agiles?fields=name,sprints(name,issues(id))",
            ):
                url = f"{youtrack.url}/api/{path}"
                statuses.append(requests.get(url, headers=headers, timeout=30).status_code)

    with start(company) as youtrack, ThreadPoolExecutor(4) as pool:
        readers = [pool.submit(read, youtrack) for _ in range(3)]
        company.random_edits(random.Random(1), 300)
        for reader in readers:
            reader.result()
    assert statuses == [200] * 90


# --- faults ----------------------------------------------------------------------------------


def test_statuses_come_at_the_chosen_requests(get: Get, youtrack: Server) -> None:
    rule = youtrack.fault("status", r"/issues$", first=2, count=2, status=429, retry_after="3")
    assert [get("/api/issues", __top=1).status_code for _ in range(4)] == [200, 429, 429, 200]
    assert rule.hits == 2
    youtrack.faults.clear()
    youtrack.fault("status", status=503)
    assert get("/api/issues").json()["error"] == "Service Unavailable"
    youtrack.fault("status", status=401, count=None)
    assert {get("/api/issues").status_code for _ in range(3)} == {401}


def test_bodies_break_on_the_wire(get: Get, youtrack: Server) -> None:
    youtrack.fault("reset", r"/issues$")
    with pytest.raises((requests.ConnectionError, requests.exceptions.ChunkedEncodingError)):
        get("/api/issues", __top=1000, fields="id,summary,created")
    youtrack.fault("close", r"/issues$")
    with pytest.raises(requests.ConnectionError):
        get("/api/issues", __top=1)
    youtrack.fault("truncate", r"/issues$")
    answer = get("/api/issues", __top=3)
    assert answer.status_code == 200
    with pytest.raises(ValueError, match=r".+"):
        answer.json()
    assert len(get("/api/issues", __top=3).json()) == 3


def test_a_stall_outlasts_the_client(get: Get, youtrack: Server) -> None:
    youtrack.fault("stall", seconds=30)
    with pytest.raises(requests.Timeout):
        requests.get(f"{youtrack.url}/api/users/me", timeout=0.2)


def test_answers_can_be_falsified(get: Get, youtrack: Server) -> None:
    youtrack.fault("html")
    assert "<html" in get("/api/issues").text
    youtrack.fault("redirect", location="http://127.0.0.1:1")
    answer = requests.get(f"{youtrack.url}/api/issues", allow_redirects=False, timeout=20)
    assert answer.headers["Location"].startswith("http://127.0.0.1:1/api/issues")
    youtrack.fault("guest")
    assert get("/api/users/me", fields="guest").json()["guest"] is True
    youtrack.fault("ignore_query")
    assert len(get("/api/issues", query="#APP-1", __top=50).json()) == 50
    youtrack.fault("empty", r"/issues$")
    assert get("/api/issues").json() == []
    youtrack.fault("cap", r"/issues$", cap=7)
    assert len(get("/api/issues", __top=100).json()) == 7
    youtrack.fault("rewrite", change=lambda rows: rows[:1])
    assert len(get("/api/issues", __top=100).json()) == 1
    youtrack.fault("unknown_type", "activitiesPage")
    page = get("/api/activitiesPage", categories=CATEGORIES, fields="activities(id)", __top=5)
    assert page.json()["activities"][-1]["$type"] == "CommentReactionActivityItem"
    assert not any(rule.applies("/api/issues") for rule in youtrack.faults)


def test_an_edit_can_fall_between_two_pages(get: Get, youtrack: Server) -> None:
    company = youtrack.tracker
    victim = company.issues_by_updated()[0]
    youtrack.fault("call", r"/issues$", first=2, change=lambda: company.touch(victim))
    query = "sort by: updated asc"
    first = get("/api/issues", query=query, __top=10).json()
    second = get("/api/issues", query=query, __top=10, __skip=10).json()
    expected = [issue.id for issue in company.issues_by_updated()]
    assert first[0]["id"] == victim.id == expected[-1]
    assert [row["id"] for row in second] == expected[10:20], "one neighbour was skipped"


def test_an_unknown_fault_is_refused(youtrack: Server) -> None:
    with pytest.raises(ValueError, match="nonsense"):
        youtrack.fault("nonsense")


def test_unknown_activities_can_be_planted(get: Get) -> None:
    company = Company(20, seed=2, today="2026-06-03")
    company.plant_unknown_activity(company.issues_by_created()[0])
    with start(company) as youtrack:
        rows = requests.get(
            f"{youtrack.url}/api/activities?categories=CustomFieldCategory&fields=id,added(id)",
            headers={"Authorization": f"Bearer {youtrack.token}"}, timeout=20,
        ).json()  # fmt: skip
    assert rows[-1]["$type"] == "CommentReactionActivityItem"


# --- by itself -------------------------------------------------------------------------------


def run_demo(*arguments: str, **environment: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "demo", *arguments], cwd=REPOSITORY, text=True,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        env={**os.environ, **environment},
    )  # fmt: skip


def test_the_command_serves_prints_one_line_and_dies_with_its_starter() -> None:
    arguments = ("--issues", "50", "--today", "2026-06-03", "--port", "0", "--token", "t")
    process = run_demo(*arguments, DEMO_EXIT_ON_EOF="1")
    try:
        line = process.stdout.readline()
        url = re.search(r"(http://127\.0\.0\.1:\d+) \(token t\): 50 issues", line)[1]
        headers = {"Authorization": "Bearer t"}
        assert requests.get(f"{url}/api/users/me", headers=headers, timeout=20).ok
        process.stdin.close()
        assert process.wait(10) == 0
    finally:
        process.kill()
        process.wait()
        for stream in (process.stdout, process.stderr):
            stream.close()


@pytest.mark.parametrize(
    "arguments",
    [("--issues", "0"), ("--today", "soon"), ("--timezone", "Mars/Olympus"), ("--nonsense",)],
)
def test_wrong_arguments_are_usage_errors(arguments: tuple[str, ...]) -> None:
    with run_demo(*arguments) as process:
        _, errors = process.communicate(timeout=20)
    assert process.returncode == 2
    assert "usage: python -m demo" in errors


def test_a_folder_without_recordings_is_named(tmp_path: Path) -> None:
    with run_demo("--recorded", str(tmp_path)) as process:
        _, errors = process.communicate(timeout=20)
    assert process.returncode == 1
    assert "idea-issues.ndjson" in errors
    assert "Traceback" not in errors


# --- recordings ------------------------------------------------------------------------------


@pytest.mark.skipif(not SAMPLES.exists(), reason="the recorded samples are not beside the project")
def test_recordings_are_served_as_they_were_recorded() -> None:
    rows = (SAMPLES / "idea-issues.ndjson").read_text("utf-8").splitlines()
    recorded = {row["id"]: row for row in map(json.loads, rows)}
    with start(load(SAMPLES)) as youtrack:
        headers = {"Authorization": f"Bearer {youtrack.token}"}
        issues = requests.get(
            f"{youtrack.url}/api/issues", headers=headers, timeout=20,
            params={
                "$top": "200",
                "fields": "id,idReadable,summary,created,updated,resolved,project(shortName),"
                "customFields(name,value(name))",
            },
        ).json()  # fmt: skip
        people = requests.get(
            f"{youtrack.url}/api/issues", headers=headers, timeout=20,
            params={"$top": "200", "fields": "id,customFields(name,value(name,login))"},
        ).json()  # fmt: skip
        activities = requests.get(
            f"{youtrack.url}/api/activities", headers=headers, timeout=20,
            params={
                "$top": "1000", "categories": "CustomFieldCategory,IssueCreatedCategory,"
                "SummaryCategory,DescriptionCategory,CommentsCategory",
                "fields": "id,timestamp,targetMember,added(id,name,login),removed(id,name,login)",
            },
        ).json()  # fmt: skip
    assert len(issues) == len(recorded) == 95
    assert {issue["project"]["shortName"] for issue in issues} == {"IDEA"}
    for issue, with_people in zip(issues, people, strict=True):
        source = recorded[issue["id"]]
        assert with_people["id"] == issue["id"]
        shown = {field["name"]: field for field in with_people["customFields"]}
        assert list(shown) == [field["name"] for field in source["customFields"]]
        for field in source["customFields"]:
            assert shown[field["name"]] == field
        state = shown["State"]["value"]["name"]
        assert (issue["resolved"] is not None) == (
            state in {"Fixed", "Duplicate", "Obsolete", "Declined", "Third Party Problem",
                      "Can't Reproduce"}
        )  # fmt: skip
        assert issue["created"] <= (issue["resolved"] or issue["updated"]) <= issue["updated"]
    changes = (SAMPLES / "idea-activities.ndjson").read_text("utf-8").splitlines()
    originals = {row["id"]: row for row in map(json.loads, changes)}
    assert len(activities) == len(originals) == 574
    for activity in activities:
        original = originals[activity["id"]]
        assert activity["$type"] == original["$type"]
        assert activity["timestamp"] == original["timestamp"]
        assert activity["targetMember"] == original["targetMember"]
        if original["$type"] == "CustomFieldActivityItem":
            for side in ("added", "removed"):
                assert activity[side] == original[side]
