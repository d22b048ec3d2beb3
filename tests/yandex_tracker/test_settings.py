"""The settings of Yandex.Tracker: alternatives, halves, and what the doctor finds."""

from collections.abc import Iterator

import pytest
from loads import simulated

from demo.yandex_tracker.server import Server
from extract.errors import ConfigurationError, RunError
from extract.yandex_tracker.address import identity, normalise_url
from extract.yandex_tracker.tracker import YandexTracker, YandexTrackerSettings
from pipeline.settings import (
    SECRETS,
    is_complete,
    named_trackers,
    nothing_is_configured,
    read_settings,
    source_problem,
)

TOKEN, IAM = "YANDEX_TRACKER_TOKEN", "YANDEX_TRACKER_IAM_TOKEN"
ORGANISATION, CLOUD = "YANDEX_TRACKER_ORG_ID", "YANDEX_TRACKER_CLOUD_ORG_ID"


def given(monkeypatch: pytest.MonkeyPatch, **values: str) -> YandexTrackerSettings:
    for name, text in values.items():
        monkeypatch.setenv(name, text)
    return read_settings()[1]["yandex_tracker"]


@pytest.mark.parametrize("token", [TOKEN, IAM])
@pytest.mark.parametrize("organisation", [ORGANISATION, CLOUD])
def test_one_token_and_one_organisation_are_enough(
    monkeypatch: pytest.MonkeyPatch, token: str, organisation: str
) -> None:
    settings = given(monkeypatch, **{token: " y0_abc\n", organisation: "42"})
    source = settings.source()
    assert (source.token, source.organisation, source.url) == (
        "y0_abc", "42", "https://api.tracker.yandex.net",
    )  # fmt: skip
    assert (source.is_iam, source.is_cloud) == (token == IAM, organisation == CLOUD)
    assert "y0_abc" not in repr(source) + repr(settings)
    assert [each.name for each in named_trackers()] == ["yandex_tracker"]
    assert is_complete(named_trackers()[0])
    assert source_problem() is None


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({TOKEN: "a", IAM: "b"}, f"{IAM}: {TOKEN} is set, too: give one of the two"),
        ({ORGANISATION: "1", CLOUD: "2"}, f"{CLOUD}: {ORGANISATION} is set, too: give one of"),
        ({TOKEN: "a b"}, f"{TOKEN}: it holds a space"),
        ({CLOUD: "ключ"}, f"{CLOUD}: it holds a line break or a letter"),
        ({"YANDEX_TRACKER_URL": "tracker"}, "YANDEX_TRACKER_URL: an address starts with https"),
        ({"YANDEX_TRACKER_PARALLEL_REQUESTS": "0"}, "YANDEX_TRACKER_PARALLEL_REQUESTS: "),
    ],
)
def test_what_contradicts_is_told_in_one_line(
    monkeypatch: pytest.MonkeyPatch, values: dict[str, str], message: str
) -> None:
    with pytest.raises(ConfigurationError, match=message) as raised:
        given(monkeypatch, **values)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({TOKEN: "a"}, f"{ORGANISATION} or {CLOUD} is missing ({TOKEN} is set): "),
        ({CLOUD: "1"}, f"{TOKEN} or {IAM} is missing ({CLOUD} is set): "),
    ],
)
def test_half_a_configuration_is_told(
    monkeypatch: pytest.MonkeyPatch, values: dict[str, str], message: str
) -> None:
    given(monkeypatch, **values)
    assert not nothing_is_configured()
    assert not is_complete(named_trackers()[0])
    problem = source_problem() or ""
    assert problem.startswith(message)
    assert "\n" not in problem


def test_nothing_of_it_is_no_configuration() -> None:
    assert nothing_is_configured()
    assert source_problem() is None


def test_both_trackers_may_be_configured(monkeypatch: pytest.MonkeyPatch) -> None:
    given(monkeypatch, YOUTRACK_URL="https://y.example", YOUTRACK_TOKEN="perm:a",
          YANDEX_TRACKER_TOKEN="b", YANDEX_TRACKER_ORG_ID="1")  # fmt: skip
    assert [each.name for each in named_trackers()] == ["youtrack", "yandex_tracker"]
    assert source_problem() is None
    # each half is told
    monkeypatch.delenv("YOUTRACK_TOKEN")
    assert "YOUTRACK_TOKEN is missing" in (source_problem() or "")
    assert {TOKEN, IAM} < set(SECRETS)


def test_addresses_and_whose_data_it_is() -> None:
    for written in ("https://t.example", "https://t.example/v3/", " https://t.example/v2 "):
        assert normalise_url(written) == "https://t.example"
    assert identity("http://t.example/v3", "1") == identity("https://t.example", "1")
    assert identity("https://t.example", "1") != identity("https://t.example", "2")


@pytest.fixture
def tracker() -> Iterator[Server]:
    with simulated(issues=30) as running:
        yield running


def examined(tracker: Server, **changes: str) -> tuple[list[str], list[str]]:
    """What the doctor finds well, and what not."""
    settings = {
        "yandex_tracker_url": tracker.url,
        "yandex_tracker_token": tracker.token,
        "yandex_tracker_org_id": tracker.organisation,
        **changes,
    }
    well, ill = [], []
    for found in YandexTracker().examine(YandexTrackerSettings(**settings)):
        if isinstance(found, RunError):
            ill.append(str(found))
        else:
            (well if found[0] else ill).append(found[1])
    return well, ill


def test_a_doctor_finds_a_good_tracker_well(tracker: Server) -> None:
    tracker.requests = []
    well, ill = examined(tracker)
    assert ill == []
    assert any(text.startswith("queue APP: ") and "issues" in text for text in well)
    assert len(tracker.requests) <= 10
    assert not any("changelog" in line for line in tracker.requests)


def test_a_doctor_says_what_a_run_would_fail_with(tracker: Server) -> None:
    with pytest.raises(ConfigurationError, match="in YANDEX_TRACKER_ORG_ID"):
        examined(tracker, yandex_tracker_org_id="1")
    _, ill = examined(tracker, yandex_tracker_queues="APP,NOPE")
    assert ill == ["YANDEX_TRACKER_QUEUES: NOPE does not exist, or the account may not read it"]
    tracker.fault("status", r"/users$", status=403)
    assert examined(tracker)[1] == ["users cannot be read: assignees stay without a login"]
    for project in tracker.tracker.projects:
        tracker.tracker.hide_project(project)
    assert any("sees no queue" in text for text in examined(tracker)[1])
