"""`make docs`: the lineage site as one file, and the server that shows it."""

import json
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path

import requests
from conftest import Project, clean_environment


def test_the_site_is_one_file_that_names_no_folder_and_is_served_on_loopback_until_ctrl_c(
    project: Project, published: tuple[str, dict[str, str]]
) -> None:
    with socket.socket() as other:
        try:
            other.bind(("127.0.0.1", 8080))  # DataLens's own port
            other.listen()
        except OSError:
            pass  # somebody else holds it: as good
        process = subprocess.Popen(
            [sys.executable, "-m", "pipeline", "docs"],
            cwd=project.root,
            # as the files in deploy/ set it
            env=clean_environment({**published[1], "DBT_TARGET_PATH": ".local/target"}),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            said = [process.stdout.readline(), process.stdout.readline()]
            address = re.search(r"http://127\.0\.0\.1:\d+/", said[1])
            assert address, said[1] + process.stderr.read()
            file = project.root / ".local" / "target" / "static_index.html"
            assert str(file) in said[0]
            assert requests.get(address[0], timeout=120).content == file.read_bytes()
            assert requests.get(address[0] + "manifest.json", timeout=120).status_code == 404
            process.send_signal(signal.SIGINT)
            assert process.wait(timeout=120) == 0
            assert "Traceback" not in process.stdout.read() + process.stderr.read()
        finally:
            process.kill()
            process.wait()
    text = file.read_text(encoding="utf-8")
    assert "agg_lead_time_percentiles" in text
    assert not re.search(r'<(?:script|link|img)[^>]+(?:src|href)="(?:https?:)?//', text)
    # the page is shown to others
    assert "fct_issues" in text
    for folder in (project.root, Path.home() / ".dbt"):
        assert str(folder) not in text
        assert json.dumps(str(folder))[1:-1] not in text
