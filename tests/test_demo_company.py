"""The made-up company: the same for the same seed, and its history leads to its present."""

from __future__ import annotations

import hashlib
import json
import random
from collections import Counter, defaultdict
from datetime import datetime, timezone
from itertools import pairwise
from typing import Any

import pytest

from demo.company import Company
from demo.model import DAY, Activity, Issue, ProjectField
from demo.tracker import FIELD_CATEGORY, SPRINT
from demo.youtrack.selection import compile_fields

TODAY = "2026-06-03"
EVERYTHING = (
    "id,idReadable,created,updated,resolved,summary,project(id,shortName),customFields(id,name,"
    "value(id,name,login,minutes,presentation,text,isResolved,startDate,releaseDate))"
)
EVERY_CHANGE = (
    "id,timestamp,author(login),category(id),field(id,name),target(id,idReadable),targetMember,"
    "added(id,name,login,project(id)),removed(id,name,login,project(id))"
)


def told(company: Company) -> str:
    """All issues, activities and boards as one text."""
    issues = compile_fields(company, EVERYTHING)
    changes = compile_fields(company, EVERY_CHANGE)
    boards = compile_fields(company, "id,name,sprints(id,name,start,finish,archived,issues(id))")
    parts = [
        *(issues.render(issue) for issue in company.issues_by_created()),
        *(changes.render(activity) for activity in company.feed()),
        *(boards.render(board) for board in company.boards),
    ]
    return "\n".join(parts)


def digest(company: Company) -> str:
    return hashlib.sha256(told(company).encode()).hexdigest()


@pytest.fixture(scope="module")
def company() -> Company:
    return Company(3000, seed=7, today=TODAY)


def ordered(issue: Issue) -> list[Activity]:
    return sorted(issue.activities, key=lambda a: (a.timestamp, a.serial))


def chained(changes: list[Activity], first: Any) -> list[Activity]:
    """Changes in the order of their chain, which within one millisecond is not that of ids."""
    by_moment: dict[int, list[Activity]] = defaultdict(list)
    for change in changes:
        by_moment[change.timestamp].append(change)
    held, result = first, []
    for moment in sorted(by_moment):
        left = by_moment[moment]
        while left:
            following = next((c for c in left if c.removed == held), left[0])
            left.remove(following)
            result.append(following)
            held = following.added
    return result


def replay_leads_to_present(issue: Issue, attached: ProjectField) -> bool:
    changes = [a for a in ordered(issue) if a.kind is attached.field.kind]
    if not changes:
        return True
    present = issue.values.get(attached)
    if attached.is_multi_value:
        held = set(present or ())
        for change in reversed(changes):
            if not set(change.added) <= held:
                return False
            held = (held - set(change.added)) | set(change.removed)
        return True
    if attached.is_object:
        present = () if present is None else (present,)
    at_once = [c for c in changes if c.timestamp == changes[0].timestamp]
    added = {c.added for c in at_once}
    first = next((c.removed for c in at_once if c.removed not in added), changes[0].removed)
    held = first
    for change in chained(changes, first):
        if change.removed != held:
            return False
        held = change.added
    return held == present


def mismatches(company: Company) -> dict[str, str]:
    """Issues whose replayed history does not lead to what they show, and in what."""
    found: dict[str, str] = {}
    for issue in company.issues.values():
        for attached in issue.project.fields:
            if not replay_leads_to_present(issue, attached):
                found[issue.id] = attached.field.name
        events = [a for a in ordered(issue) if a.kind.category.id == "SprintCategory"]
        inside, seen = set(), set()
        for event in events:
            if not set(event.removed) <= inside | ({*event.removed} - seen):
                found[issue.id] = "sprint"
            inside = (inside - {*event.removed}) | {*event.added}
            seen |= {*event.removed, *event.added}
        if {sprint for sprint in inside if not sprint.deleted} != {*issue.sprints} & seen:
            found[issue.id] = "sprint"
        resolutions = [a for a in ordered(issue) if a.kind.category.id == "IssueResolvedCategory"]
        standing = None
        for event in resolutions:
            assert (event.added is None) != (event.removed is None)
            if event.removed is not None and event.removed != standing:
                found[issue.id] = "resolved"
            standing = event.added
        if standing != issue.resolved:
            found[issue.id] = "resolved"
    return found


def test_same_seed_and_day_tell_the_same_company() -> None:
    assert digest(Company(400, 3, TODAY)) == digest(Company(400, 3, TODAY))
    assert digest(Company(400, 4, TODAY)) != digest(Company(400, 3, TODAY))


def test_a_week_later_everything_is_a_week_later() -> None:
    early, late = Company(300, 3, "2026-06-03"), Company(300, 3, "2026-06-10")
    for one, other in zip(early.issues.values(), late.issues.values(), strict=True):
        assert other.created - one.created == 7 * DAY
        assert [a.timestamp for a in other.activities] == [
            a.timestamp + 7 * DAY for a in one.activities
        ]


@pytest.mark.parametrize("today", ["2026-06-01", "2026-06-07", "2024-02-29"])
def test_nothing_happened_after_now(today: str) -> None:
    company = Company(500, 2, today)
    midnight = datetime.fromisoformat(today).replace(tzinfo=timezone.utc)
    assert company.now == midnight.timestamp() * 1000
    assert max(activity.timestamp for activity in company.log) <= company.now
    for issue in company.issues.values():
        assert issue.created <= issue.updated <= company.now
        assert all(issue.created <= activity.timestamp for activity in issue.activities)


def test_history_leads_to_the_present_but_for_a_named_handful(company: Company) -> None:
    ways = Counter(company.known_mismatches.values())
    assert ways == {"state": 3, "team": 2, "sprint": 2, "resolved": 1}
    assert mismatches(company).keys() == company.known_mismatches.keys()


def test_history_still_leads_to_the_present_after_random_edits() -> None:
    company = Company(400, 11, TODAY)
    company.known_mismatches.clear()
    before = mismatches(company).keys()
    done = company.random_edits(random.Random(5), 600)
    assert len(done) == 600
    assert mismatches(company).keys() <= before
    assert len({line.split()[1] for line in done}) >= 11
    stamps = [line.split()[0] for line in done]
    assert len(set(stamps)) < len(stamps), "equal timestamps occur"


def test_random_edits_are_the_same_for_the_same_draw() -> None:
    first, second = Company(200, 1, TODAY), Company(200, 1, TODAY)
    assert first.random_edits(random.Random(9), 80) == second.random_edits(random.Random(9), 80)
    assert digest(first) == digest(second)


def test_activities_come_in_the_order_of_time_and_id(company: Company) -> None:
    keys = [(activity.timestamp, activity.serial) for activity in company.feed()]
    assert keys == sorted(keys)
    assert len({activity.id for activity in company.feed()}) == len(keys)


def test_some_changes_of_one_millisecond_are_not_in_the_order_of_their_ids() -> None:
    company = Company(6000, 1, TODAY)
    pairs = 0
    for issue in company.issues.values():
        changes = [a for a in ordered(issue) if a.kind is issue.project.roles["state"].field.kind]
        for one, other in pairwise(changes):
            pairs += one.timestamp == other.timestamp and one.removed == other.added
    assert pairs >= 3


def test_the_company_holds_what_real_trackers_hold(company: Company) -> None:
    issues = list(company.issues.values())
    assert len(company.projects) == 3
    assert {i.value("team").name for i in issues if i.value("team")} == {
        team.name for team in company.teams
    }
    assert sum(i.value("team") is None for i in issues) > 50
    assert "'" in "".join(team.name for team in company.teams)
    cancelled = {state for flow in company.flows.values() for state in flow.cancelled}
    assert sum(i.state in cancelled for i in issues) > 100
    kinds = Counter(activity.kind.activity_type for activity in company.log)
    assert kinds["ProjectActivityItem"] > 10
    assert kinds["SprintActivityItem"] > 500
    reopened = {
        a.issue for a in company.log
        if a.kind.category.id == "IssueResolvedCategory" and a.removed is not None
    }  # fmt: skip
    assert len(reopened) > 50
    text = told(company)
    for piece in ("\\u0000", "<script>", "\\\\slash", "🚀", "عنوان", "Ошибка", "\u202e"):
        assert piece in text, piece
    minutes = [i.value("lead_time") for i in issues if i.value("lead_time") is not None]
    assert min(minutes) < 0
    assert max(minutes) == 2147483647
    in_app = [i for i in issues if i.project is company.app and i.resolved]
    assert any(i.value("lead_time") is None for i in in_app)


def test_lead_times_look_like_lead_times(company: Company) -> None:
    days = sorted(
        (i.resolved - i.created) / DAY for i in company.issues.values() if i.resolved is not None
    )
    median, ninetieth = days[len(days) // 2], days[len(days) * 9 // 10]
    assert 5 < median < 14
    assert 2.5 < ninetieth / median < 6, "a long tail"
    assert days[0] >= 0


def test_moves_change_element_ids_and_keep_names(company: Company) -> None:
    moved = [a.issue for a in company.log if a.kind.category.id == "ProjectCategory"]
    same_names = 0
    for issue in moved:
        for change in issue.activities:
            if change.kind.custom_field and change.kind.custom_field.name == "State":
                names = [e.name for e in (*change.added, *change.removed)]
                ids = {e.id for e in (*change.added, *change.removed)}
                same_names += len(names) == 2 and names[0] == names[1] and len(ids) == 2
    assert same_names >= 5


def test_boards_of_every_kind_and_their_oddities(company: Company) -> None:
    boards = {board.name: board for board in company.boards}
    assert sum(board.is_explicit for board in boards.values()) == 3
    synced = boards["Ядро"]
    assert synced.sync_field.name == "Спринт"
    kanban = next(board for board in boards.values() if board.disable_sprints)
    assert len(kanban.sprints) == 1
    assert company.members(kanban.sprints[0])
    sprints = [sprint for board in boards.values() for sprint in board.sprints]
    assert any(sprint.start is None for sprint in sprints)
    assert sum(sprint.archived for sprint in sprints) > 50
    assert any(s.start is not None and s.start > company.now for s in sprints)
    assert sum((s.finish or 0) % DAY == DAY - 1 for s in sprints) > 150
    names = Counter(sprint.name for sprint in sprints)
    assert names["Sprint 20"] == 3
    assert names["Hardening"] == 2
    mobile, web = boards["Mobile"].sprints[20], boards["Web"].sprints[20]
    assert mobile.start < web.finish and web.start < mobile.finish
    assert any(len({s.board for s in i.sprints}) == 2 for i in company.issues.values())
    versions = company.srv.roles["sprint"].bundle.values
    assert any(version.start_date is None for version in versions)
    assert sum(version.release_date is not None for version in versions) > 40
    assert all(sprint.members for sprint in boards["Mobile"].sprints[10:40])


def test_some_members_of_sprints_have_no_sprint_history(company: Company) -> None:
    silent = [
        issue
        for issue in company.issues.values()
        if issue.sprints and all(a.kind is not SPRINT for a in issue.activities)
    ]
    assert len(silent) > 5


def test_activities_per_issue_is_the_mean() -> None:
    company = Company(2000, 1, TODAY, activities_per_issue=10)
    assert abs(len(company.log) / 2000 - 10) < 0.2


# --- edits ------------------------------------------------------------------------------------


@pytest.fixture
def small() -> Company:
    return Company(120, 5, TODAY)


def test_resolving_and_reopening_write_what_a_tracker_writes(small: Company) -> None:
    issue = small.create_issue("APP", "Fresh", type="Bug", team="Web", points=3.0)
    small.advance(by=1000)
    assert small.resolve(issue, "Done")
    assert issue.resolved == issue.updated == small.now
    small.advance(by=1000)
    small.reopen(issue)
    assert issue.resolved is None
    kinds = [activity.kind.category.id for activity in issue.activities]
    assert kinds == [
        "IssueCreatedCategory", "CustomFieldCategory", "IssueResolvedCategory",
        "CustomFieldCategory", "IssueResolvedCategory",
    ]  # fmt: skip
    assert issue.activities[-1].removed == small.now - 1000
    assert [a.issue for a in small.feed()[-5:]] == [issue] * 5


def test_sprints_workflows_and_renames_do_not_bump_updated(small: Company) -> None:
    issue = small.create_issue("APP", "Fresh")
    before = issue.updated
    small.advance(by=60_000)
    sprint, other = small.boards[0].sprints[-2:]
    small.add_to_sprint(issue, small.boards[0].sprints[3])
    small.move_between_sprints(issue, small.boards[0].sprints[3], sprint)
    small.remove_from_sprint(issue, sprint)
    small.set_field(issue, "LeadTime", 480, by_workflow=True)
    small.rename_state("APP", "Submitted", "New")
    small.rename_project(small.app, short_name="NEW")
    assert issue.updated == before
    assert issue.state.name == "New"
    assert issue.id_readable.startswith("NEW-")
    assert small.find(issue.id_readable) is issue
    assert len(issue.activities) == 5
    small.touch(issue)
    assert issue.updated == small.now
    assert other not in issue.sprints


def test_a_synced_board_follows_the_version_field(small: Company) -> None:
    issue = small.create_issue("ВИТ", "Новая")
    board = next(board for board in small.boards if board.sync_field)
    sprint = board.sprints[-1]
    assert small.add_to_sprint(issue, sprint)
    assert issue in small.members(sprint)
    assert sprint in small.sprints_of(issue)
    assert issue.activities[-1].kind.category is FIELD_CATEGORY
    small.rename_sprint(sprint, "Другой")
    assert issue in small.members(sprint)
    assert issue.value("sprint").name == "Другой"
    assert small.remove_from_sprint(issue, sprint)
    assert issue not in small.members(sprint)


def test_deleted_issues_leave_no_trace(small: Company) -> None:
    issue = next(i for i in small.issues.values() if i.sprints)
    sprint = issue.sprints[0]
    small.delete_issue(issue)
    assert small.find(issue.id) is None
    assert issue not in small.members(sprint)
    assert issue not in small.issues_by_created()
    assert all(activity.issue is not issue for activity in small.feed())


def test_hidden_issues_come_back_unchanged(small: Company) -> None:
    before = digest(small)
    issue = small.issues_by_created()[10]
    small.hide_issue(issue)
    assert issue not in small.issues_by_updated()
    assert all(activity.issue is not issue for activity in small.feed())
    small.unhide_issue(issue)
    small.hide_project("SRV")
    assert all(i.project is not small.srv for i in small.issues_by_created())
    small.unhide_project("SRV")
    assert digest(small) == before


def test_moving_swaps_elements_for_their_namesakes(small: Company) -> None:
    issue = small.create_issue("APP", "Fresh", type="Bug", team="Web")
    small.add_to_sprint(issue, small.boards[0].sprints[4])
    old_type = issue.value("type")
    small.move_issue(issue, "SRV")
    assert issue.project is small.srv
    assert issue.value("type").name == "Bug"
    assert issue.value("type") is not old_type
    assert issue.value("team") is None
    assert not issue.sprints
    small.move_issue(issue, "ВИТ")
    assert issue.state is small.rus.roles["state"].default
    assert not mismatches(small).keys() - small.known_mismatches.keys()


def test_a_resolved_issue_stays_resolved_when_it_moves(small: Company) -> None:
    issue = small.create_issue("APP", "Fresh")
    small.set_state(issue, "Obsolete")
    small.move_issue(issue, "SRV")
    assert issue.resolved is not None
    assert issue.state.is_resolved


def test_time_does_not_run_backwards(small: Company) -> None:
    with pytest.raises(ValueError, match="backwards"):
        small.advance(small.now - 1)
    small.advance(datetime(2026, 7, 1, tzinfo=timezone.utc))
    assert small.now == 1782864000000


def test_unknown_names_are_named(small: Company) -> None:
    issue = small.issues_by_created()[0]
    with pytest.raises(LookupError, match="Nonsense"):
        small.set_state(issue, "Nonsense")
    with pytest.raises(LookupError, match="Nonsense"):
        small.set_field(issue, "Nonsense", 1)
    with pytest.raises(LookupError, match="Nonsense"):
        small.create_issue("Nonsense")
    with pytest.raises(LookupError, match="APP-999999"):
        small.touch("APP-999999")


def test_hidden_text_survives_json(company: Company) -> None:
    text = told(company)
    issues = [json.loads(line) for line in text.splitlines()[:3000]]
    assert any("\x00" in issue["summary"] for issue in issues)
