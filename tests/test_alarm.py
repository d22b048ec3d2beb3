"""The alarm and the error reports: said once, never with a secret, never in the way of a run."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from pipeline.alarm import Alarm
from pipeline.error_reports import scrubbed
from pipeline.redaction import REPLACEMENT, Redactor, plain

SECRET = "perm:c2VjcmV0"


class Hook:
    """A webhook that keeps what it was sent, and answers as it is told."""

    def __init__(self) -> None:
        self.received: list[dict[str, str]] = []
        self.status = 200
        hook = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:  # noqa: N802  (the library's name)
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if hook.status < 300:
                    hook.received.append(json.loads(body))
                self.send_response(hook.status)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/hooks/x"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def hook() -> Iterator[Hook]:
    running = Hook()
    yield running
    running.stop()


@pytest.fixture
def redactor() -> Redactor:
    made = Redactor()
    made.add(SECRET)
    return made


def nights(hook: Hook, tmp_path: Path, redactor: Redactor, *errors: str | None) -> list[str]:
    """What is told over several nights, each a new process with the same folder."""
    for error in errors:
        Alarm(hook.url, tmp_path / "alarm.json", redactor).run_ended(error)
    return [message["text"] for message in hook.received]


def test_one_message_for_a_fault_however_many_nights_it_lasts_and_one_when_it_is_well(
    hook: Hook, tmp_path: Path, redactor: Redactor
) -> None:
    down = "YouTrack does not answer after 5 tries"
    told = nights(hook, tmp_path, redactor, None, down, down.replace("5", "6"), None, None)
    assert len(told) == 2
    assert "NOK" in told[0]
    assert "YouTrack does not answer" in told[0]
    assert "OK again" in told[1]


def test_another_fault_is_told_and_keeps_the_beginning(
    hook: Hook, tmp_path: Path, redactor: Redactor
) -> None:
    told = nights(hook, tmp_path, redactor, "YouTrack is down", "the database is down")
    assert len(told) == 2
    assert told[0].split("(since")[1][:20] == told[1].split("(since")[1][:20]


def test_a_hook_that_fails_is_tried_again_by_the_next_run(
    hook: Hook, tmp_path: Path, redactor: Redactor
) -> None:
    hook.status = 500
    assert nights(hook, tmp_path, redactor, "down") == []
    hook.status = 200
    assert len(nights(hook, tmp_path, redactor, "down")) == 1


@pytest.mark.parametrize(
    "hook",
    [
        "http://127.0.0.1:9/secret-path",
        "http://hooks..example.com/secret-path",
        "https://127.0.0.1:9/secret-path",  # whose authorities are looked for first
        "http://[secret-path",
    ],
)
def test_a_hook_that_does_not_answer_raises_nothing_and_is_not_named_in_the_log(
    hook: str,
    tmp_path: Path,
    redactor: Redactor,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "nowhere.pem"))
    Alarm(hook, tmp_path / "alarm.json", redactor).run_ended("down")
    assert "did not answer" in caplog.text
    assert "secret-path" not in caplog.text


class Record:
    """A run's record: what it keeps outlives the folder."""

    def __init__(self) -> None:
        self.fault: str | None = None

    def open_fault(self) -> str | None:
        return self.fault

    def keep_open_fault(self, fault: str | None) -> None:
        self.fault = fault


def test_a_fault_is_told_once_where_the_folder_is_new_every_night(
    hook: Hook, tmp_path: Path, redactor: Redactor
) -> None:
    record = Record()
    for night, error in enumerate(("down", "down", None, None)):
        alarm = Alarm(hook.url, tmp_path / str(night) / "alarm.json", redactor)
        alarm.memory = record
        alarm.run_ended(error)
    assert ["OK again" in message["text"] for message in hook.received] == [False, True]


def test_a_folder_that_cannot_be_written_does_not_keep_the_alarm_from_being_told(
    hook: Hook, tmp_path: Path, redactor: Redactor
) -> None:
    (tmp_path / "file").touch()
    assert len(nights(hook, tmp_path / "file", redactor, "the disk is full")) == 1


def test_no_secret_is_told(hook: Hook, tmp_path: Path, redactor: Redactor) -> None:
    (told,) = nights(hook, tmp_path, redactor, f"401 for {SECRET}")
    assert SECRET not in told
    assert REPLACEMENT in told


def test_without_a_hook_nothing_is_kept(tmp_path: Path, redactor: Redactor) -> None:
    Alarm(None, tmp_path / "alarm.json", redactor).run_ended("down")
    assert list(tmp_path.iterdir()) == []


def test_an_error_report_holds_no_variable_no_request_and_no_log_line(redactor: Redactor) -> None:
    frame = {"module": "m", "function": "f", "lineno": 3, "vars": {"token": SECRET},
             "context_line": f"token = '{SECRET}'"}  # fmt: skip
    event = {
        "level": "error",
        "message": f"failed with {SECRET}",
        "exception": {
            "values": [{"type": "E", "value": f"bad {SECRET}", "stacktrace": {"frames": [frame]}}]
        },
        "breadcrumbs": {"values": [{"message": SECRET}]},
        "request": {"headers": {"Authorization": f"Bearer {SECRET}"}},
        "extra": {"sys.argv": [SECRET]},
        "server_name": "host",
    }
    kept = scrubbed(event, redactor)
    assert SECRET not in json.dumps(kept)
    assert set(kept) == {"level", "message", "exception"}
    assert kept["exception"]["values"][0]["stacktrace"]["frames"] == [
        {"module": "m", "function": "f", "lineno": 3}
    ]


def test_a_secret_is_found_where_it_stands_quoted_in_an_address() -> None:
    redactor = Redactor()
    redactor.add("p@ss/wörd")
    assert "p%40ss" not in redactor("postgresql://u:p%40ss%2Fw%C3%B6rd@h/d")


def test_text_from_a_tracker_cannot_steer_a_terminal() -> None:
    assert plain("a\x1b[2Jb\u202ec\r\nd") == "a [2Jb c  d"
