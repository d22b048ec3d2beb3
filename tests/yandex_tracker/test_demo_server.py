"""The simulated Yandex.Tracker answers as the documented one does, and tells the company truly."""

from __future__ import annotations

import csv
import json
import random
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

import pytest
import requests
from conftest import REPOSITORY

from demo.company import Company
from demo.model import Issue
from demo.tracker import SPRINT
from demo.yandex_tracker.server import IAM_TOKEN, Server, start
from demo.yandex_tracker.words import PRIVATE, issue_id, issue_key

SAMPLES = REPOSITORY.parent / "shared" / "yandex-tracker-samples"
needs_samples = pytest.mark.skipif(not SAMPLES.is_dir(), reason="no samples at hand")
MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+0000")
CATEGORIES = {
    "new": "todo", "inProgress": "in_progress", "paused": "waiting", "done": "done",
    "cancelled": "cancelled",
}  # fmt: skip
TODAY = "2026-06-17"
# what no later edit changes in an entry: the rest holds the key and the title of today
LASTING = ("id", "updatedAt", "updatedBy", "type", "fields")


Changelogs = dict[Issue, list[dict[str, Any]]]


class Client:
    """Asks one server with the right headers, or with others."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.session = requests.Session()
        self.session.headers.update({
            "Authorization": f"OAuth {server.token}",
            server.organisation_header: server.organisation,
        })  # fmt: skip

    def get(self, path: str, headers: dict[str, str] | None = None, **parameters: Any) -> Any:
        url = f"{self.server.url}/v3{path}"
        return self.session.get(url, params=parameters, headers=headers, timeout=20)

    def post(self, path: str, body: Any = None, **parameters: Any) -> requests.Response:
        url = f"{self.server.url}/v3{path}"
        return self.session.post(url, json=body, params=parameters, timeout=20)

    def search(self, body: Any = None, **parameters: Any) -> requests.Response:
        return self.post("/issues/_search", body or {}, **parameters)

    def scroll(self, response: requests.Response) -> requests.Response:
        """The page after this one."""
        return self.search(
            scrollId=response.headers["X-Scroll-Id"],
            scrollToken=response.headers["X-Scroll-Token"],
        )

    def all_pages(self, response: requests.Response) -> list[dict[str, Any]]:
        """All rows, from the first page on, by whatever the links say."""
        rows = response.json()
        while "next" in response.links:
            request = response.request
            response = self.session.request(
                request.method, response.links["next"]["url"], data=request.body,
                headers={"Content-Type": "application/json"}, timeout=20,
            )  # fmt: skip
            rows += response.json()
        return rows

    def changelog(self, issue: Issue) -> list[dict[str, Any]]:
        return self.all_pages(self.get(f"/issues/{issue_id(issue)}/changelog"))

    def issue(self, issue: Issue) -> dict[str, Any]:
        return self.get(f"/issues/{issue_id(issue)}").json()


@pytest.fixture(scope="module")
def running() -> Iterator[Server]:
    with start(Company(400, seed=3, today=TODAY)) as server:
        yield server


@pytest.fixture
def server(running: Server) -> Iterator[Server]:
    """The shared server, which tests only read, with every switch back in its place afterwards."""
    yield running
    running.faults.clear()
    running.rows_cap, running.narrows, running.scroll_ends_empty = 10_000, True, False
    running.organisation_header = "X-Org-ID"
    running.tracker.timezone = "UTC"
    running.expire_scrolls()


@pytest.fixture
def client(server: Server) -> Client:
    return Client(server)


@pytest.fixture(scope="module")
def changelogs(running: Server) -> Changelogs:
    """The whole history, as the answers tell it."""
    client = Client(running)
    return {issue: client.changelog(issue) for issue in running.tracker.issues_by_created()}


@pytest.fixture
def edited() -> Iterator[Client]:
    """A company of one's own, to be edited."""
    with start(Company(120, seed=5, today=TODAY)) as server:
        yield Client(server)


def epoch_ms(text: str) -> int:
    return round(datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%f%z").timestamp() * 1000)


def message(response: requests.Response) -> str:
    return " ".join([*response.json()["errorMessages"], *response.json()["errors"].values()])


# --- shapes ------------------------------------------------------------------------------------


def assert_like(sample: Any, served: Any, place: str) -> None:
    """The same keys with the same kinds of values; a key that only one has is told by name."""
    if isinstance(sample, dict) and isinstance(served, dict):
        assert sample.keys() == served.keys(), place
        for key, value in sample.items():
            assert_like(value, served[key], f"{place}.{key}")
    elif isinstance(sample, list) and isinstance(served, list):
        for one in served:
            assert_like(sample[0], one, f"{place}[]")
    elif isinstance(sample, str) and MOMENT.fullmatch(sample):
        assert MOMENT.fullmatch(served), place
    else:
        kinds = {type(one) if one is not None else None for one in (sample, served)}
        assert len(kinds) == 1 or None in kinds, f"{place}: {sample!r}, {served!r}"


def sample(name: str) -> Any:
    return json.loads((SAMPLES / f"{name}.json").read_text(encoding="utf-8"))


@needs_samples
def test_statuses_and_sprints_are_like_the_samples(client: Client) -> None:
    assert_like(sample("statuses"), client.get("/statuses").json(), "statuses")
    # the last ones are those without dates, which the real one cannot have
    sprints = [row for row in client.get("/boards/1/sprints").json() if "startDate" in row]
    assert len(sprints) > 50
    assert_like(sample("sprints"), sprints, "sprints")


@needs_samples
def test_fields_are_like_the_recorded_ones(client: Client) -> None:
    recorded = {row["id"]: row for row in sample("fields")}
    served = {row["id"]: row for row in client.get("/fields").json()}
    # documented, but younger than the recording
    assert served.keys() - recorded.keys() == {"statusStartTime", "dueDate", "team"}
    for name in served.keys() & recorded.keys():
        assert served[name]["schema"] == recorded[name]["schema"], name
        assert served[name].keys() == recorded[name].keys(), name


@needs_samples
def test_issues_are_like_the_sample(client: Client) -> None:
    expected = sample("issue")
    # what only newer answers or public clients show; local fields bear their queue's own ids
    more = {
        "statusType", "resolution", "resolvedAt", "resolvedBy", "followers", "description",
        "dueDate", "fixVersions", "commentWithoutExternalMessageCount", "team",
        "components", "parent", "epic",
    }  # fmt: skip
    expected["boards"] = [{"id": 14, "name": "Доска"}]
    seen: set[str] = set()
    for row in client.all_pages(client.search(perPage=200)):
        plain = {key: value for key, value in row.items() if "--" not in key and key not in more}
        assert plain.keys() <= expected.keys()
        for key, value in plain.items():
            assert_like(expected[key], value, key)
        seen |= plain.keys()
    # the company has none of these
    assert expected.keys() - seen == {"6063181a59590573909db929--team", "project", "spent",
                                      "estimation", "start"}  # fmt: skip


@needs_samples
def test_changelogs_are_like_the_sample(changelogs: Changelogs) -> None:
    entries, seen = sample("changelog"), set()
    expected = {key: entry[key] for entry in entries for key in entry if key != "fields"}
    values = {
        one["field"]["id"]: one[side]
        for entry in entries
        for one in entry["fields"]
        for side in ("from", "to")
        if one[side] is not None
    }
    a_field = entries[0]["fields"][0]["field"]
    for told in changelogs.values():
        for entry in told:
            for one in entry.get("fields", ()):
                assert_like(a_field, one["field"], "field")
                seen.add(one["field"]["id"])
                for side in ("from", "to"):
                    if one[side] is not None and one["field"]["id"] in values:
                        assert_like(values[one["field"]["id"]], one[side], one["field"]["id"])
            for key in entry.keys() - {"fields"}:
                assert_like(expected[key], entry[key], key)
            seen.add(entry["type"])
    assert {"IssueCreated", "IssueUpdated", "IssueWorkflow", "IssueMoved", "IssueCommentAdded",
            *values} <= seen  # fmt: skip


@needs_samples
def test_errors_are_like_the_sample(client: Client) -> None:
    answer = client.get("/issues/NOPE-1", headers={"Accept-Language": "ru"})
    assert answer.status_code == 404
    assert answer.json() == sample("error")


def test_empty_fields_are_absent(client: Client) -> None:
    rows = client.all_pages(client.search(perPage=200))
    assert all(None not in row.values() and [] not in row.values() for row in rows)
    assert {"sprint" in row for row in rows} == {True, False}
    # nobody has told Tracker that a type is required
    assert {"type" in row for row in rows} == {True, False}


def test_local_fields_belong_to_their_queue(client: Client) -> None:
    local = {
        queue: {row["id"]: row["name"] for row in client.get(f"/queues/{queue}/localFields").json()}
        for queue in ("APP", "SRV", "VIT")
    }
    assert list(local["APP"].values()) == ["LeadTime"]
    assert list(local["VIT"].values()) == ["Команда"]
    assert all(
        re.fullmatch(r"[0-9a-f]{24}--\w+", key) for fields in local.values() for key in fields
    )
    rows = client.all_pages(client.search(perPage=200))
    for row in rows:
        own = {key for key in row if "--" in key}
        assert own <= local[row["queue"]["key"]].keys(), row["key"]
    (lead_time,) = local["APP"]
    assert any(isinstance(row.get(lead_time), float) for row in rows)


def test_values_are_of_the_type_that_their_field_names(client: Client) -> None:
    kinds = {
        "date": r"\d{4}-\d\d-\d\d", "datetime": MOMENT.pattern,
        "timetracking": r"-?P(\d+D)?(T(\d+H)?(\d+M)?)?",
    }  # fmt: skip
    rows = client.get("/fields").json()
    for queue in ("APP", "SRV", "VIT"):
        rows += client.get(f"/queues/{queue}/localFields").json()
    types = {row["id"]: row["schema"]["type"] for row in rows}
    seen = set()
    for row in client.all_pages(client.search(perPage=200)):
        for key in row.keys() & types.keys():
            if types[key] in kinds:
                assert re.fullmatch(kinds[types[key]], row[key]), key
            elif types[key] in ("float", "integer"):
                assert isinstance(row[key], (float, int)), key
            elif types[key] == "array":
                assert isinstance(row[key], list), key
            seen.add(types[key])
    assert {*kinds, "float", "integer", "array", "string", "user"} <= seen


def test_every_reference_but_that_to_a_deleted_sprint_can_be_followed(edited: Client) -> None:
    company = edited.server.tracker
    sprint = next(s for s in company.boards[0].sprints if s.members)
    issue = next(iter(sprint.members))
    reference = next(one for one in edited.issue(issue)["sprint"] if one["display"] == sprint.name)
    assert edited.session.get(reference["self"], timeout=20).json()["name"] == sprint.name
    before = edited.issue(issue)
    company.delete_sprint(sprint)
    assert reference in edited.issue(issue)["sprint"]
    assert edited.session.get(reference["self"], timeout=20).status_code == 404
    # nothing of the issue tells of it
    after = edited.issue(issue)
    assert (after["version"], after["updatedAt"]) == (before["version"], before["updatedAt"])


def test_names_come_in_the_language_that_is_asked(client: Client) -> None:
    for language, name in (("en", "Submitted"), ("ru", "Отправлена")):
        rows = client.get("/statuses", headers={"Accept-Language": language}).json()
        assert {row["key"]: row["name"] for row in rows}["submitted"] == name


def test_types_of_statuses_agree_with_the_seed(client: Client) -> None:
    with (REPOSITORY / "dbt_project/seeds/state_categories.csv").open(encoding="utf-8") as seed:
        categories = {row["state"]: row["category"] for row in csv.DictReader(seed)}
    rows = client.get("/statuses", headers={"Accept-Language": "en"}).json()
    assert {row["type"] for row in rows} == CATEGORIES.keys()
    for row in rows:
        assert CATEGORIES[row["type"]] == categories[row["name"]], row["name"]


# --- truth -------------------------------------------------------------------------------------


def test_the_changelog_tells_the_companys_states(
    client: Client, server: Server, changelogs: Changelogs
) -> None:
    """From the answers alone: the moments, the statuses, and what the issue shows now."""
    company = server.tracker
    kinds = {project.roles["state"].field.kind for project in company.projects}
    types: set[str] = set()
    for issue, entries in changelogs.items():
        told, at = [], 0
        for entry in entries:
            fields = {one["field"]["id"]: one for one in entry.get("fields", ())}
            if (change := fields.get("status")) is None:
                continue
            types.add(entry["type"])
            exact = fields.get("statusStartTime")
            assert exact is None or epoch_ms(entry["updatedAt"]) <= epoch_ms(exact["to"])
            at = epoch_ms(exact["to"] if exact else entry["updatedAt"])
            sides = (change["from"], change["to"])
            told.append((at, *(side and side["display"] for side in sides)))
        known = [
            (a.timestamp, *(side[0].name if side else None for side in (a.removed, a.added)))
            for a in sorted(issue.activities, key=lambda a: a.timestamp)
            if a.kind in kinds
        ]
        assert told[1:] == known, issue.id
        shown = client.issue(issue)
        assert epoch_ms(shown["createdAt"]) == issue.created
        assert epoch_ms(shown["statusStartTime"]) == (at if known else issue.created)
        if company.known_mismatches.get(issue.id) != "state":
            assert shown["status"]["display"] == told[-1][2]
        assert ("resolvedAt" in shown) == (issue.resolved is not None) == ("resolution" in shown)
        if issue.resolved is not None:
            assert epoch_ms(shown["resolvedAt"]) == issue.resolved
    assert types == {"IssueCreated", "IssueWorkflow", "IssueUpdated", "IssueMoved"}


def test_the_changelog_tells_teams_types_and_points(server: Server, changelogs: Changelogs) -> None:
    """The roles from which the marts take histories, by name as an analyst gives them."""
    company = server.tracker
    roles = {"team": ("Team", "Команда"), "type": ("Type", "Тип"), "points": ("Story points",)}
    fields = {
        custom.kind: (role, server.words.field(custom).id)
        for custom in company.custom_fields
        for role, names in roles.items()
        if custom.name in names
    }
    told_roles = set()
    for issue, entries in changelogs.items():
        for role in roles:
            ids = {identity for known, identity in fields.values() if known == role}
            told = [
                (epoch_ms(entry["updatedAt"]), _name(one["from"]), _name(one["to"]))
                for entry in entries
                for one in entry.get("fields", ())
                if one["field"]["id"] in ids
            ]
            known = [
                (a.timestamp, _name(a.removed), _name(a.added))
                for a in sorted(issue.activities, key=lambda a: a.timestamp)
                if fields.get(a.kind, (None,))[0] == role
            ]
            assert told == known, issue.id
            told_roles |= {role} if told else set()
    assert told_roles == roles.keys()


def _name(value: Any) -> Any:
    """Of a value of the company's or of an answer's."""
    if isinstance(value, tuple):
        return value[0].name if value else None
    return value["display"] if isinstance(value, dict) else value


def test_the_changelog_tells_who_was_in_which_sprint(
    client: Client, server: Server, changelogs: Changelogs
) -> None:
    company, words, several = server.tracker, server.words, 0
    kinds = {SPRINT, *(p.roles["sprint"].field.kind for p in (company.srv, company.rus))}

    def ids(sprints: Any) -> set[str]:
        return {str(words.sprint_id(words.sprint(sprint))) for sprint in sprints}

    for issue, entries in changelogs.items():
        told: list[tuple[int, set[str], set[str]]] = []
        held = None
        for entry in entries:
            for one in entry.get("fields", ()):
                if one["field"]["id"] != "sprint":
                    continue
                before, after = ([s["id"] for s in one[side] or ()] for side in ("from", "to"))
                assert held is None or held == before
                held, several = after, max(several, len(after))
                out, into = set(before) - set(after), set(after) - set(before)
                told.append((epoch_ms(entry["updatedAt"]), out, into))
        known = [
            (a.timestamp, ids(a.removed), ids(a.added)) for a in issue.activities if a.kind in kinds
        ]
        assert _summed(told) == _summed(known), issue.id
        if held is not None and company.known_mismatches.get(issue.id) != "sprint":
            shown = [sprint["id"] for sprint in client.issue(issue).get("sprint", ())]
            assert set(held) == set(shown) and len(held) == len(shown)
    assert several > 1


def _summed(changes: list[tuple[int, set[str], set[str]]]) -> dict[tuple[int, str], int]:
    """What a moment changes in the end, by sprint."""
    sums: dict[tuple[int, str], int] = {}
    for at, out, into in changes:
        for names, way in ((out - into, -1), (into - out, 1)):
            for name in names:
                sums[at, name] = sums.get((at, name), 0) + way
    return {key: way for key, way in sums.items() if way}


def test_comments_stand_in_the_order_of_time(client: Client, server: Server) -> None:
    commented = [issue for issue in server.tracker.issues.values() if issue.comments]
    assert any(server.tracker.known_mismatches.get(issue.id) == "resolved" for issue in commented)
    for issue in commented:
        ((at, after),) = issue.comments
        assert after == sum(activity.timestamp <= at for activity in issue.activities), issue.id
        moments = [
            epoch_ms(entry["updatedAt"])
            for entry in client.changelog(issue)
            if entry["type"] == "IssueCommentAdded"
        ]
        assert moments == [at]


@pytest.mark.parametrize("seed", [1, 2])
def test_edits_append_entries_and_move_version_and_updated(edited: Client, seed: int) -> None:
    """Names aside, no entry is ever another, whatever happens to the company."""
    server, company = edited.server, edited.server.tracker
    rng = random.Random(seed)
    moved = 0
    for _ in range(6):
        before = {issue: _plain_entries(server, issue) for issue in company.issues.values()}
        company.random_edits(rng, 40)
        for issue in company.issues.values():
            old, new = before.get(issue, []), _plain_entries(server, issue)
            assert new[: len(old)] == old, issue.id
            moments = [entry[1] for entry in new]
            assert moments == sorted(moments)
            assert [entry[0] for entry in new] == sorted({entry[0] for entry in new})
            if not issue.is_visible:
                continue
            row = server.issue_row(issue, "en")
            assert (row["version"], epoch_ms(row["updatedAt"])) == (len(new), moments[-1])
            moved += len(new) > len(old) > 0
    assert moved > 50


def _plain_entries(server: Server, issue: Issue) -> list[Any]:
    return [
        (entry.id_of(issue), entry.updated, entry.type,
         [(one.field.id, one.old, one.new) for one in entry.changes])
        for entry in server.history(issue).entries
    ]  # fmt: skip


def test_each_edit_is_seen_at_once(edited: Client) -> None:
    company = edited.server.tracker
    issue = next(i for i in company.issues_by_created() if i.project is company.app)
    before, entries = edited.issue(issue), edited.changelog(issue)
    edits: list[tuple[Callable[[], Any], str, set[str]]] = [
        (lambda: company.set_points(issue, 21.0), "IssueUpdated", {"storyPoints"}),
        (lambda: company.set_team(issue, "Web" if issue.value("team") is None
                                  or issue.value("team").name != "Web" else "Mobile"),
         "IssueUpdated", {"team"}),
        (lambda: company.touch(issue), "IssueCommentAdded", set()),
        (lambda: company.plant_unknown_activity(issue), "IssueCommentReactionAdded", set()),
        (lambda: company.edit_summary(issue, "Another title"), "IssueUpdated", {"summary"}),
        (lambda: company.move_issue(issue, company.srv), "IssueMoved", {"queue", "key"}),
    ]  # fmt: skip
    for change, kind, fields in edits:
        company.advance(by=5000)
        change()
        after, more = edited.issue(issue), edited.changelog(issue)
        for old, now in zip(entries, more, strict=False):
            assert {key: old.get(key) for key in LASTING} == {key: now.get(key) for key in LASTING}
        assert len(more) == len(entries) + 1
        assert more[-1]["type"] == kind
        assert fields <= {one["field"]["id"] for one in more[-1].get("fields", ())}
        assert after["version"] == before["version"] + 1
        assert epoch_ms(after["updatedAt"]) == company.now == epoch_ms(more[-1]["updatedAt"])
        before, entries = after, more
    assert before["id"] == issue_id(issue)
    assert before["queue"]["key"] == "SRV"
    assert edited.get(f"/issues/{before['aliases'][-1]}").json()["key"] == before["key"]


def test_what_nobody_may_load_is_there_to_be_left(client: Client, server: Server) -> None:
    """Descriptions, comments and names come with the answers, as they do from the real one."""
    commented = next(issue for issue in server.tracker.issues.values() if issue.comments)
    assert PRIVATE in client.issue(commented)["description"]
    assert PRIVATE in json.dumps(client.changelog(commented))


def test_the_same_company_gives_the_same_bytes() -> None:
    answers = []
    for _ in range(2):
        with start(Company(60, seed=9, today=TODAY)) as server:
            client = Client(server)
            issue = server.tracker.issues_by_created()[-1]
            texts = [client.search(perPage=60).text, json.dumps(client.changelog(issue))]
            answers.append([text.replace(server.url, "") for text in texts])
    assert answers[0] == answers[1]


# --- searches and pages ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "test"),
    [
        ({"queue": "VIT"}, lambda i: i.project.short_name == "ВИТ"),
        ({"filter": {"queue": ["APP", "2"]}}, lambda i: i.project.short_name != "ВИТ"),
        ({"query": 'Queue: APP AND Created: >= "2026-01-01 00:00:00"'},
         lambda i: i.project.short_name == "APP" and i.created >= 1_767_225_600_000),
        ({"query": 'Created: "2026-01-01".."2026-01-31"'},
         lambda i: 1_767_225_600_000 <= i.created < 1_769_904_000_000),
        ({"filter": {"created": {"from": "2026-01-01", "to": "2026-01-31"}}},
         lambda i: 1_767_225_600_000 <= i.created < 1_769_904_000_000),
        ({"filter": {"created": {"from": "2026-01-01T00:00:00.000+0000"}}},
         lambda i: i.created >= 1_767_225_600_000),
        ({}, lambda i: True),
    ],
)  # fmt: skip
def test_searches_and_counts_find_the_same(
    client: Client, server: Server, body: dict[str, Any], test: Callable[[Issue], bool]
) -> None:
    expected = {issue_id(issue) for issue in server.tracker.issues.values() if test(issue)}
    assert len(expected) > 0
    rows = client.all_pages(client.search(body, perPage=150))
    assert len(rows) == len(expected)
    assert {row["id"] for row in rows} == expected
    assert client.post("/issues/_count", body).json() == len(expected)


def test_updated_is_searched_and_sorted_as_it_is_shown(client: Client) -> None:
    rows = client.all_pages(client.search({"query": '"Sort by": Updated ASC'}, perPage=200))
    moments = [row["updatedAt"] for row in rows]
    assert moments == sorted(moments) and len(moments) == 400
    middle = moments[200]
    text = middle[:19].replace("T", " ")
    late = client.search({"query": f'Updated: >= "{text}"'}, perPage=400).json()
    assert {row["id"] for row in late} == {
        row["id"] for row in rows if row["updatedAt"] >= middle[:19]
    }
    exact = client.search({"filter": {"updated": {"from": middle}}, "order": "+updated"}).json()
    assert exact[0]["id"] == rows[moments.index(middle)]["id"]


def test_dates_can_be_those_of_another_zone(client: Client, server: Server) -> None:
    moscow = 1_767_225_600_000 - 3 * 3_600_000
    expected = sum(issue.created >= moscow for issue in server.tracker.issues.values())
    server.tracker.timezone = "Europe/Moscow"
    for body in (
        {"query": 'Created: >= "2026-01-01"'},
        {"filter": {"created": {"from": "2026-01-01"}}},
    ):
        assert client.post("/issues/_count", body).json() == expected
    body = {"filter": {"created": {"from": "2026-01-01T00:00:00.000+0000"}}}
    exact = client.post("/issues/_count", body).json()
    assert exact == sum(i.created >= 1_767_225_600_000 for i in server.tracker.issues.values())


def test_pages_count_and_end_at_the_cap(client: Client, server: Server) -> None:
    first = client.search()
    assert len(first.json()) == 50
    assert (first.headers["X-Total-Count"], first.headers["X-Total-Pages"]) == ("400", "8")
    server.rows_cap = 130
    capped = client.search(perPage=50)
    assert capped.headers["X-Total-Count"] == "400"
    assert len(client.all_pages(capped)) == 130
    assert client.search(perPage=50, page=4).json() == []


def test_rows_slip_between_pages_but_not_out_of_a_scroll(edited: Client) -> None:
    """An issue that is updated goes to the other end; a snapshot holds what it held."""
    company, body = edited.server.tracker, {"query": '"Sort by": Updated ASC'}
    page = edited.search(body, perPage=60)
    scroll = edited.search(body, perScroll=60, scrollType="sorted")
    old = {row["id"]: row for row in edited.all_pages(edited.search(body, perPage=60))}
    victim = edited.server.find(page.json()[3]["key"])
    gone = edited.server.find(edited.search(body, perPage=60, page=2).json()[7]["key"])
    company.advance(by=1000)
    company.set_points(victim, 34.0)
    company.set_points(gone, 34.0)
    company.delete_issue(gone)
    rest = edited.search(body, perPage=60, page=2).json()
    assert len({row["id"] for row in page.json() + rest}) == 118
    assert issue_id(victim) in {row["id"] for row in rest}
    snapshot = scroll.json() + edited.scroll(scroll).json()
    assert {row["id"]: row for row in snapshot} == old


def test_narrowed_answers_hold_what_was_asked(client: Client, server: Server) -> None:
    body = {"filter": {"queue": "APP"}}
    row = client.search(body, fields="id,key,sprint,nonsense", perPage=200).json()[0]
    assert row.keys() <= {"id", "key", "sprint"} and "id" in row
    server.narrows = False
    assert "createdAt" in client.search(body, fields="id,key").json()[0]


# --- scrolls -----------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["sorted", "unsorted"])
@pytest.mark.parametrize("ends_empty", [False, True])
def test_a_scroll_gives_each_issue_once(
    client: Client, server: Server, kind: str, ends_empty: bool
) -> None:
    server.scroll_ends_empty = ends_empty
    page = client.search({"filter": {"queue": "APP"}}, scrollType=kind, perScroll=50,
                         order="+updated")  # fmt: skip
    total = int(page.headers["X-Total-Count"])
    sizes, rows = [len(page.json())], page.json()
    while "X-Scroll-Id" in page.headers:
        page = client.scroll(page)
        rows += page.json()
        sizes.append(len(page.json()))
    assert len({row["id"] for row in rows}) == len(rows) == total
    assert sizes[-1] == 0 if ends_empty else sizes[-1] > 0
    moments = [row["updatedAt"] for row in rows]
    assert (moments == sorted(moments)) == (kind == "sorted")
    assert not server.scrolls


def test_the_links_of_a_scroll_lead_through_it(client: Client) -> None:
    page = client.search({"query": "Queue: SRV"}, scrollType="sorted", perScroll=20)
    rows = client.all_pages(page)
    assert len({row["id"] for row in rows}) == int(page.headers["X-Total-Count"]) > 20


def test_a_scroll_expires_and_can_be_released(client: Client, server: Server) -> None:
    page = client.search(scrollType="sorted", scrollTTLMillis=1)
    assert client.scroll(page).status_code == 404
    page = client.search(scrollType="sorted")
    assert client.scroll(page).status_code == 200
    server.expire_scrolls()
    assert client.scroll(page).status_code == 404
    page = client.search(scrollType="sorted")
    wrong = client.search(scrollId=page.headers["X-Scroll-Id"], scrollToken="0" * 16)
    assert wrong.status_code == 403
    token = {page.headers["X-Scroll-Id"]: page.headers["X-Scroll-Token"]}
    assert client.post("/system/search/scroll/_clear", token).status_code == 204
    assert not server.scrolls
    assert client.scroll(page).status_code == 404


def test_a_page_whose_answer_is_lost_is_lost(client: Client, server: Server) -> None:
    page = client.search(scrollType="sorted", perScroll=100)
    server.fault("truncate", r"/_search")
    lost = client.scroll(page)
    with pytest.raises(ValueError, match="delimiter|Expecting|Unterminated"):
        lost.json()
    rows = page.json()
    while "X-Scroll-Id" in page.headers:
        page = client.scroll(page)
        rows += page.json()
    assert len(rows) == 300 < int(page.headers["X-Total-Count"])


# --- changelogs --------------------------------------------------------------------------------


def test_changelogs_come_in_pages(client: Client, server: Server) -> None:
    issue = max(server.tracker.issues.values(), key=lambda issue: len(issue.activities))
    path = f"/issues/{issue_key(issue)}/changelog"
    whole = client.get(path, perPage=1000).json()
    assert len(whole) > 8
    page = client.get(path, perPage=4)
    assert page.json() == whole[:4]
    assert f"id={whole[3]['id']}" in page.links["next"]["url"]
    assert client.all_pages(page) == whole
    assert client.get(path, id=whole[-1]["id"]).json() == []
    statuses = client.get(path, field="status").json()
    assert statuses == [
        entry for entry in whole if "status" in {f["field"]["id"] for f in entry.get("fields", ())}
    ]
    made = client.get(path, type="IssueCreated").json()
    assert made == whole[:1]
    assert client.get(path, id="0" * 24).status_code == 404


# --- errors ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "parameters", "status", "said"),
    [
        ({"queue": "APP", "query": "Queue: APP"}, {}, 400, "only use keys, a queue"),
        ({"filter": {"queue": "APP"}, "query": "Queue: APP"}, {}, 400, "only use keys, a queue"),
        ({"queue": "APP"}, {"scrollType": "sorted"}, 400, "Scroll is not supported"),
        ({"keys": ["APP-1"]}, {"scrollType": "sorted"}, 400, "Scroll is not supported"),
        ({}, {"scrollType": "sorted", "perScroll": 1001}, 400, "perScroll"),
        ({}, {"perPage": "many"}, 400, "perPage"),
        ({"filter": {"queue": "NOPE"}}, {}, 422, "NOPE does not exist"),
        ({"filter": {"nonsense": 1}}, {}, 422, "nonsense"),
        ({"query": "Queue: NOPE"}, {}, 422, "NOPE does not exist"),
        ({"query": "Queue APP"}, {}, 400, "not correct"),
        ({"query": 'Updated: >= "yesterday"'}, {}, 422, "not a date"),
        ({"query": 'Updated: >= "2026-13-45"'}, {}, 422, "not a date"),
        ({"query": '"Sort by": Nonsense'}, {}, 422, "Nonsense"),
    ],
)  # fmt: skip
def test_bad_searches_are_refused(
    client: Client, body: dict[str, Any], parameters: dict[str, Any], status: int, said: str
) -> None:
    answer = client.search(body, **parameters)
    assert answer.status_code == answer.json()["statusCode"] == status
    assert said in message(answer)
    assert answer.json().keys() == {"errors", "errorMessages", "statusCode"}


def test_tokens_and_organisations_are_asked_for(client: Client, server: Server) -> None:
    for given, status in (
        ({"Authorization": "OAuth wrong"}, 401), ({"Authorization": ""}, 401),
        ({"Authorization": f"Bearer {IAM_TOKEN}"}, 401), ({"X-Org-ID": "1"}, 403),
    ):  # fmt: skip
        answer = client.get("/myself", headers=given)
        assert answer.status_code == answer.json()["statusCode"] == status
    server.organisation_header = "X-Cloud-Org-ID"
    assert client.get("/myself").status_code == 403
    cloud = {"X-Cloud-Org-ID": server.organisation, "Authorization": f"Bearer {IAM_TOKEN}"}
    assert client.get("/myself", headers=cloud).json()["login"] == "reporting"


def test_what_is_hidden_is_not_there(edited: Client) -> None:
    company = edited.server.tracker
    issue = company.issues_by_created()[0]
    total = len(company.issues)
    company.hide_issue(issue)
    assert edited.get(f"/issues/{issue_id(issue)}").status_code == 404
    assert edited.get(f"/issues/{issue_id(issue)}/changelog").status_code == 404
    assert edited.post("/issues/_count", {}).json() == total - 1
    company.hide_project("SRV")
    assert {row["key"] for row in edited.get("/queues").json()} == {"APP", "VIT"}
    assert edited.get("/queues/SRV").status_code == 403
    assert edited.get("/queues/SRV/localFields").status_code == 403
    assert edited.get("/queues/NOPE").status_code == 404
    assert edited.search({"filter": {"queue": "SRV"}}).json() == []
    company.hide_board(company.boards[0])
    assert edited.get("/boards/1/sprints").status_code == 404
    assert "Mobile" not in {row["name"] for row in edited.get("/boards").json()}


@pytest.mark.parametrize("retry_after", [None, "2"])
def test_limits_are_told_with_and_without_a_pause(
    client: Client, server: Server, retry_after: str | None
) -> None:
    rule = server.fault("status", r"/statuses", status=429, retry_after=retry_after)
    answer = client.get("/statuses")
    assert answer.status_code == answer.json()["statusCode"] == 429
    assert answer.headers.get("Retry-After") == retry_after
    assert rule.hits == 1
    assert client.get("/statuses").status_code == 200


def test_paths_that_do_not_exist_and_wrong_methods_are_told_in_its_words(client: Client) -> None:
    assert client.get("/nonsense").json()["statusCode"] == 404
    assert client.get("/issues/_search").json()["statusCode"] == 404
    assert client.post("/statuses").json()["statusCode"] == 405


def test_boards_tell_their_queues_and_sprints(client: Client, server: Server) -> None:
    boards = {row["name"]: row for row in client.get("/boards").json()}
    assert boards["Mobile"]["filter"] == {"queue": ["APP"]}
    sprints = {
        name: client.get(f"/boards/{row['id']}/sprints").json() for name, row in boards.items()
    }
    assert sprints["Витрина (канбан)"] == []
    assert {row["name"] for row in sprints["Ядро"]} >= {"Спринт 1", "Спринт 50"}
    assert {"startDate", "startDateTime"} <= sprints["Mobile"][0].keys()
    # versions that are sprints have a field for a board, and days alone
    data = {row["name"]: row for row in sprints["Sprint planned"]}
    assert "startDate" in data["Data 1"] and "startDateTime" not in data["Data 1"]
    assert {row["status"] for rows in sprints.values() for row in rows} == {
        "draft", "in_progress", "released", "archived",
    }  # fmt: skip
    ids = [row["id"] for rows in sprints.values() for row in rows]
    assert len(ids) == len(set(ids))


def test_the_command_serves_tracker() -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "demo", "--tracker", "yandex", "--issues", "20", "--port", "0"],
        cwd=REPOSITORY,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            line = process.stdout.readline()
            url = re.search(r"http://127\.0\.0\.1:\d+", line).group()
            token, organisation = re.search(r"token (\S+), X-Org-ID (\d+)", line).groups()
            headers = {"Authorization": f"OAuth {token}", "X-Org-ID": organisation}
            answer = requests.post(f"{url}/v3/issues/_count", headers=headers, timeout=20)
            assert answer.json() == 20
        finally:
            process.terminate()
