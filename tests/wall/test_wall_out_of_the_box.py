"""`python -m wall` with nothing configured: the whole of it, as somebody has it who tries it."""

import re
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import requests
from conftest import clean_environment, copy_project
from walls import until

from pipeline import embedded


def free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return listening.getsockname()[1]


@pytest.mark.slow
def test_incidents_begin_are_taken_and_end_while_one_looks(tmp_path: Path) -> None:
    project = copy_project(tmp_path / "clone")
    live = project.root / "demo" / "zabbix" / "live.py"
    as_shown = live.read_text(encoding="utf-8")
    # a test looks more often than a person
    assert "\nSECONDS = 4\n" in as_shown
    live.write_text(as_shown.replace("\nSECONDS = 4\n", "\nSECONDS = 1\n"), encoding="utf-8")
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    log = tmp_path / "wall.log"
    with log.open("w") as written:
        process = subprocess.Popen(
            [sys.executable, "-m", "wall"],
            cwd=project.root,
            env=clean_environment({"WALL_PORT": str(port)}),
            stdout=written,
            stderr=subprocess.STDOUT,
        )
    try:

        def is_up() -> bool:
            assert process.poll() is None, log.read_text()
            try:
                return requests.get(f"{url}/health", timeout=5).ok
            except requests.ConnectionError:
                return False

        until(is_up, 240)

        def incidents() -> dict[str, dict]:
            answer = requests.get(f"{url}/api/incidents", timeout=30).json()
            assert answer["troubles"] == []
            return {each["id"]: each for each in answer["incidents"]}

        def post(path: str, body: dict, **headers: str) -> requests.Response:
            given = {"X-Wall": "1", "Origin": url, **headers}
            return requests.post(f"{url}{path}", json=body, headers=given, timeout=60)

        until(incidents)
        first = incidents()
        places = requests.get(f"{url}/api/incidents", timeout=30).json()["places"]
        # calm ones, too
        assert len(places["rack"]) == 8 and len(places["service"]) > 4
        assert any(each["comment"] != "(none)" for each in first.values())
        until(lambda: incidents().keys() - first.keys(), 120)
        until(lambda: first.keys() - incidents().keys(), 120)
        until(
            lambda: any(
                each["acknowledged"] and not first[key]["acknowledged"]
                for key, each in incidents().items()
                if key in first
            ),
            120,
        )

        page = requests.get(url, timeout=30).text
        token = re.search(r'"demo_token":"(\w+)"', page)[1]
        severe = list(incidents())

        def spoken() -> str | None:
            """Of those that are open for a while yet, one that has taken the comment."""
            for key in severe:
                answer = post(
                    "/api/comment", {"ids": [key], "message": "Смотрю я", "acknowledge": True},
                    **{"X-Zabbix-Token": token},
                )  # fmt: skip
                if answer.ok:
                    return key
            return None

        one = until(spoken)

        def came_back() -> bool:
            now = incidents().get(one)
            return now is None or (now["comment"], now["by"]) == ("Смотрю я", "7")

        until(came_back, 60)

        def ticketed() -> dict | None:
            for key in incidents():
                draft = requests.get(f"{url}/api/ticket/{key}", timeout=30)
                if draft.ok:
                    text = {name: draft.json()[name] for name in ("summary", "description")}
                    answer = post("/api/ticket", {"id": key, **text})
                    if answer.ok:
                        return {"id": key, **answer.json()}
            return None

        made = until(ticketed)
        assert made["ticket"].startswith("SRV-") and made["is_new"]
        until(lambda: made["id"] not in incidents()
              or incidents()[made["id"]]["ticket"] == made["ticket"], 60)  # fmt: skip
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
        said = log.read_text()
        assert "this is simulated" in said and "Traceback" not in said and token not in said
    finally:
        process.kill()
        process.wait()
        embedded.stop(project.root / ".local" / "postgres")
