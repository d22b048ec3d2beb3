"""A YouTrack that moved to another address: compared with raw before it is believed."""

from collections.abc import Iterator
from typing import Any

import pytest
from conftest import PostgresServer, Project
from extracting import Extraction, differences, simulated

from demo.youtrack.server import Server, start
from extract.errors import ConfigurationError


@pytest.fixture
def youtrack() -> Iterator[Server]:
    with simulated() as server:
        yield server


@pytest.fixture
def elsewhere(youtrack: Server) -> Iterator[Server]:
    """The same company, answering at another port."""
    with start(youtrack.tracker, port=0) as server:
        yield server


def at(server: Server, host: str) -> dict[str, str]:
    """The address of a server by one of loopback's names."""
    return {"url": server.url.replace("127.0.0.1", host), "token": server.token}


def runs(extractor: Extraction) -> int:
    return extractor.one("select count(*) from raw.extract_runs")


def refused(extractor: Extraction, words: str, **options: Any) -> None:
    before, written = extractor.raw(), runs(extractor)
    with pytest.raises(ConfigurationError, match=words):
        extractor.load(**options)
    assert differences(before, extractor.raw()) == []
    assert runs(extractor) == written


def test_another_host_is_refused_and_the_way_is_named(
    loaded: Extraction, elsewhere: Server
) -> None:
    elsewhere.requests = []
    refused(loaded, "make run ARGS=--source-moved", **at(elsewhere, "localhost"))
    assert elsewhere.requests == []


def test_the_same_youtrack_elsewhere_is_adopted_once_and_for_all(
    loaded: Extraction, youtrack: Server, elsewhere: Server
) -> None:
    youtrack.tracker.delete_issue(youtrack.tracker.issues_by_created()[40])
    for _ in range(2):
        loaded.load(sweep=True)
    before = loaded.raw()
    report = loaded.load(**at(elsewhere, "localhost"), source_moved=True)
    told = next(each for each in report.warnings if "address" in each)
    assert f"{len(youtrack.tracker.projects)} project(s)" in told
    assert "50 issue(s)" in told and "all agree" in told
    assert report.kind == "incremental"
    assert differences(before, loaded.raw()) == []
    assert len(loaded.is_missing()) == 1
    assert loaded.load(**at(elsewhere, "localhost")).kind == "incremental"


def test_all_issues_of_a_small_tracker_are_compared(
    empty: Extraction, youtrack: Server, elsewhere: Server
) -> None:
    for issue in youtrack.tracker.issues_by_created()[30:]:
        youtrack.tracker.delete_issue(issue)
    empty.load()
    report = empty.load(**at(elsewhere, "localhost"), source_moved=True)
    assert any("30 issue(s)" in warning for warning in report.warnings)


def test_a_changed_port_of_the_same_host_needs_no_flag(
    loaded: Extraction, elsewhere: Server
) -> None:
    report = loaded.load(**at(elsewhere, "127.0.0.1"))
    assert any("all agree" in warning for warning in report.warnings)
    assert not any("all agree" in w for w in loaded.load(**at(elsewhere, "127.0.0.1")).warnings)


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
def test_another_company_is_refused_with_the_first_difference(
    loaded: Extraction, host: str
) -> None:
    with simulated(seed=8) as other:
        refused(loaded, "project|issue", **at(other, host), source_moved=True)


def test_a_project_of_another_short_name_is_a_difference(
    loaded: Extraction, elsewhere: Server
) -> None:
    def renamed(rows: Any) -> Any:
        return [{**row, "shortName": f"X{row['shortName']}"} for row in rows]

    elsewhere.fault("rewrite", r"/admin/projects$", change=renamed, count=None)
    refused(loaded, r"the project 0-\d+ is .* in raw and X", **at(elsewhere, "localhost"),
            source_moved=True)  # fmt: skip


def test_an_issue_created_at_another_moment_is_a_difference(
    loaded: Extraction, elsewhere: Server
) -> None:
    def later(issue: Any) -> Any:
        return {**issue, "created": issue["created"] + 1}

    elsewhere.fault("rewrite", r"/issues/[\d-]+$", change=later, first=50)
    refused(loaded, "compared.*was created at", **at(elsewhere, "localhost"), source_moved=True)


def test_an_issue_that_is_not_there_is_a_difference_until_accepted(
    loaded: Extraction, youtrack: Server, elsewhere: Server
) -> None:
    youtrack.tracker.delete_issue(youtrack.tracker.issues_by_created()[0])
    refused(loaded, "is not there.*--accept-missing", **at(elsewhere, "localhost"),
            source_moved=True)  # fmt: skip
    loaded.load(**at(elsewhere, "localhost"), source_moved=True, accept_missing=True)


def test_a_tracker_that_lacks_most_issues_is_not_accepted(
    loaded: Extraction, elsewhere: Server
) -> None:
    elsewhere.fault("status", r"/issues/[\d-]+$", status=404, count=None)
    refused(loaded, "is not there", **at(elsewhere, "localhost"), source_moved=True,
            accept_missing=True)  # fmt: skip


def test_the_command_line_says_that_the_source_moved(
    server: PostgresServer, database: str, project: Project, youtrack: Server, elsewhere: Server
) -> None:
    def load(source: dict[str, str], *options: str) -> Any:
        environment = {"YOUTRACK_URL": source["url"], "YOUTRACK_TOKEN": source["token"]}
        return project.run(
            "load", *options, environment={**server.environment(database), **environment}
        )

    assert load(at(youtrack, "127.0.0.1")).returncode == 0
    moved = load(at(elsewhere, "localhost"))
    assert moved.returncode == 78
    assert "--source-moved" in moved.stderr
    moved = load(at(elsewhere, "localhost"), "--source-moved")
    assert moved.returncode == 0, moved.stderr[-2000:]
    assert "all agree" in moved.stderr
