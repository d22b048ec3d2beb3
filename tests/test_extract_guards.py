"""What a source does in silence is told, and nothing is lost by it: raw stays as it was."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from extracting import Extraction, differences, simulated

from demo.youtrack.server import Server
from extract.errors import ConfigurationError, DatabaseError, RunError, SourceError


@pytest.fixture
def youtrack() -> Iterator[Server]:
    with simulated() as server:
        yield server


def refused(extractor: Extraction, kind: type[RunError], words: str, **options: Any) -> RunError:
    """The error of a load; raw is as before, and the message keeps the token to itself."""
    exists = extractor.one("select to_regclass('raw.issues') is not null")
    before = extractor.raw() if exists else None
    with pytest.raises(kind, match=words) as caught:
        extractor.load(**options)
    assert extractor.source.token not in repr(caught.value)
    if before is not None:
        assert differences(before, extractor.raw()) == []
    else:
        assert extractor.one("select to_regclass('raw.issues') is null")
    return caught.value


# --- bad input, before anything is written


def test_a_wrong_token_names_the_setting(empty: Extraction) -> None:
    refused(empty, SourceError, "YOUTRACK_TOKEN", token="perm:wrong")


def test_a_guest_is_refused(empty: Extraction, youtrack: Server) -> None:
    youtrack.is_guest = True
    refused(empty, ConfigurationError, "guest")


@pytest.mark.parametrize("path", ["/issues", "/some/where"])
def test_a_wrong_path_answers_with_a_page_and_is_named(
    empty: Extraction, youtrack: Server, path: str
) -> None:
    refused(empty, SourceError, "YOUTRACK_URL has a wrong path", url=youtrack.url + path)


@pytest.mark.parametrize("path", ["/youtrack", "/api", "/api/", "/youtrack/api/"])
def test_every_spelling_of_the_address_leads_to_the_same_youtrack(
    loaded: Extraction, youtrack: Server, path: str
) -> None:
    assert loaded.load(url=youtrack.url + path).kind == "incremental"


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:1", "http://no-such-host.invalid"], ids=["refused", "unknown"]
)
def test_a_host_that_does_not_answer_is_named(empty: Extraction, url: str) -> None:
    refused(empty, SourceError, "look at YOUTRACK_URL", url=url)


def test_projects_that_cannot_be_read_are_named(empty: Extraction, youtrack: Server) -> None:
    hidden = youtrack.tracker.projects[0].short_name
    youtrack.tracker.hide_project(hidden)
    visible = youtrack.tracker.projects[1].short_name
    error = refused(empty, ConfigurationError, "NOPE", projects=(visible, hidden, "NOPE"))
    assert hidden in str(error)


def test_another_youtrack_over_existing_data_is_refused(loaded: Extraction) -> None:
    refused(loaded, ConfigurationError, "one database serves one YouTrack", identity="other")


def test_a_database_that_does_not_answer_is_named(empty: Extraction) -> None:
    empty.dsn = empty.dsn.rsplit("/", 1)[0] + "/no_such_database"
    with pytest.raises(DatabaseError, match="no_such_database"):
        empty.load()


def test_a_redirect_to_another_host_is_not_followed(loaded: Extraction, youtrack: Server) -> None:
    with simulated(issues=5) as elsewhere:
        elsewhere.requests = []
        youtrack.fault("redirect", r"/projects", location=elsewhere.url, count=None)
        refused(loaded, SourceError, "redirects to http://127.0.0.1")
        assert elsewhere.requests == []


# --- rights that vanish without a word


def test_fields_that_the_account_may_not_see_are_named(
    loaded: Extraction, youtrack: Server
) -> None:
    youtrack.hidden_attributes = {"Issue.customFields"}
    refused(loaded, SourceError, "customFields.*right")


def test_a_project_without_fields_is_a_missing_right(loaded: Extraction, youtrack: Server) -> None:
    youtrack.fault("empty", r"/customFields", count=None)
    youtrack.hidden_attributes = {"Project.customFields"}
    refused(loaded, SourceError, "Read Project")


@pytest.mark.parametrize("is_named", [True, False])
def test_fields_that_are_hidden_from_the_first_run_on_are_a_missing_right(
    empty: Extraction, youtrack: Server, is_named: bool
) -> None:
    youtrack.fault("empty", r"/customFields", count=None)
    youtrack.hidden_attributes = {"Project.customFields"}
    project = youtrack.tracker.projects[0].short_name
    refused(empty, SourceError, "Read Project", projects=(project,) if is_named else None)


@pytest.mark.parametrize("others", [0, 1])
@pytest.mark.parametrize("holds_issues", [True, False])
def test_a_named_project_without_any_field_is_a_warning(
    empty: Extraction, youtrack: Server, others: int, holds_issues: bool
) -> None:
    company = youtrack.tracker
    bare = company.add_project("BARE", "Nothing but titles", company.users[0])
    if holds_issues:
        company.create_issue(bare, "A title")
    names = ("BARE", *(project.short_name for project in company.projects[:others]))
    for _ in range(2):
        report = empty.load(projects=names)
        told = [warning for warning in report.warnings if "no custom field" in warning]
        assert len(told) == 1
        assert "1 project(s): BARE." in told[0]
        assert "Read Project" in told[0]
    assert empty.one(
        "select count(*) from raw.issues where project ->> 'shortName' = 'BARE'"
    ) == int(holds_issues)


def test_an_attribute_that_is_only_nice_to_have_may_be_hidden(
    loaded: Extraction, youtrack: Server
) -> None:
    youtrack.hidden_attributes = {"Project.archived"}
    loaded.load()
    assert loaded.rows("select distinct archived from raw.projects") == [(None,)]


def test_boards_that_are_all_gone_are_a_fault_until_accepted(
    loaded: Extraction, youtrack: Server
) -> None:
    for board in youtrack.tracker.boards:
        youtrack.tracker.hide_board(board)
    refused(loaded, SourceError, "--accept-missing")
    loaded.load(accept_missing=True)


def test_a_board_that_is_no_longer_shared_is_told(loaded: Extraction, youtrack: Server) -> None:
    youtrack.tracker.hide_board(youtrack.tracker.boards[0])
    report = loaded.load()
    assert any(youtrack.tracker.boards[0].name in warning for warning in report.warnings)


# --- answers that are not what was asked


@pytest.mark.parametrize("path", [r"/issues$", r"/activitiesPage$"])
def test_a_query_that_was_ignored_is_an_error(
    loaded: Extraction, youtrack: Server, path: str
) -> None:
    youtrack.fault("ignore_query", path, count=None)
    refused(loaded, SourceError, "ignored|does not sort")


@pytest.mark.parametrize("path", [r"/issues$", r"/activitiesPage$"])
def test_an_empty_answer_where_there_were_rows_is_an_error(
    loaded: Extraction, youtrack: Server, path: str
) -> None:
    youtrack.fault("empty", path, count=None)
    refused(loaded, SourceError, "counts 150 issues but shows 0|without changes")


@pytest.mark.parametrize("path", [r"/issues$", r"/activitiesPage$"])
def test_one_empty_answer_by_accident_is_asked_again(
    empty: Extraction, youtrack: Server, path: str
) -> None:
    youtrack.fault("empty", path, first=3)
    empty.load()
    assert_complete(empty, youtrack)


@pytest.mark.parametrize("cap", [7, 42, 99])
def test_pages_that_the_server_cuts_are_read_to_the_end(
    empty: Extraction, youtrack: Server, cap: int
) -> None:
    youtrack.fault("cap", r"/(issues|activitiesPage|users|sprints|agiles|projects)$",
                   cap=cap, count=None)  # fmt: skip
    empty.load()
    assert_complete(empty, youtrack)


def test_a_web_page_in_the_middle_of_a_run_is_no_answer(
    loaded: Extraction, youtrack: Server
) -> None:
    youtrack.fault("html", r"/issues$", count=None)
    refused(loaded, SourceError, "web page")


def test_a_session_that_turns_into_a_guest_is_noticed(empty: Extraction, youtrack: Server) -> None:
    youtrack.fault("guest", r"/users/me", first=2, count=None)
    with pytest.raises((SourceError, ConfigurationError), match="guest|account"):
        empty.load()
    assert empty.rows("select kind from raw.extract_runs where kind = 'full'") == []


def test_unknown_types_are_kept_and_counted(empty: Extraction, youtrack: Server) -> None:
    fault = youtrack.fault("unknown_type", r"/activitiesPage", count=1)
    report = empty.load()
    assert fault.hits == 1
    assert any("CommentReactionActivityItem" in warning for warning in report.warnings)
    assert empty.one("select count(*) from raw.activities where id = '0-0.99-1'") == 1


def test_a_list_that_comes_up_short_of_youtracks_own_count_is_an_error(
    empty: Extraction, youtrack: Server
) -> None:
    lost = youtrack.tracker.issues_by_created()[3].id

    def without(answer: Any) -> Any:
        return [row for row in answer if row["id"] != lost]

    youtrack.fault("rewrite", r"/issues$", change=without, count=None)
    with pytest.raises(SourceError, match="counts 150 issues but shows 149"):
        empty.load()


def test_changes_of_other_projects_are_not_taken(empty: Extraction, youtrack: Server) -> None:
    inside, outside = (project.short_name for project in youtrack.tracker.projects[:2])

    def others(answer: Any) -> Any:
        for row in answer["activities"]:
            row["target"]["idReadable"] = re.sub(r"^[^-]+", outside, row["target"]["idReadable"])
        return answer

    youtrack.fault("rewrite", r"/activitiesPage$", change=others, count=None)
    with pytest.raises(SourceError, match="ignored"):
        empty.load(projects=(inside,))


def assert_complete(extractor: Extraction, youtrack: Server) -> None:
    """Raw has every issue and every change of the tracker."""
    company = youtrack.tracker
    assert {row[0] for row in extractor.rows("select id from raw.issues")} == {
        issue.id for issue in company.issues_by_created()
    }
    kept = {"CustomFieldCategory", "SprintCategory", "IssueCreatedCategory",
            "IssueResolvedCategory", "ProjectCategory"}  # fmt: skip
    assert {row[0] for row in extractor.rows("select id from raw.activities")} == {
        each.id for each in company.feed() if each.kind.category.id in kept
    }
