"""The YouTrack workflow rule: its own tests run in Node, against a stub of the scripting API."""

import re
import shutil
import subprocess
import zipfile
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parent.parent
RULE = REPOSITORY / "youtrack" / "lead-time-rule.js"


def _node() -> str:
    node = shutil.which("node")
    if node is None:
        pytest.skip("node is not installed: the workflow rule was not run")
    version = subprocess.run([node, "--version"], capture_output=True, text=True, check=True).stdout
    if int(re.match(r"v(\d+)", version).group(1)) < 18:
        pytest.skip(f"node {version.strip()} has no test runner (18 or newer has)")
    return node


def test_the_rule_stamps_start_completion_and_whole_days():
    tests = REPOSITORY / "youtrack" / "test" / "lead-time-rule.test.js"
    completed = subprocess.run(
        [_node(), "--test", "--test-reporter=tap", str(tests)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert completed.returncode == 0, completed.stdout[-4000:] + completed.stderr
    assert int(re.search(r"^# pass (\d+)$", completed.stdout, re.M).group(1)) > 20


def test_the_field_and_the_unit_are_those_the_marts_expect_by_default():
    source = RULE.read_text(encoding="utf-8")
    assert "const LEAD_TIME = 'LeadTime';" in source
    assert "const DAY = 24 * 60 * 60 * 1000;" in source


def test_the_documented_zip_holds_the_workflow_and_nothing_else(tmp_path: Path):
    page = (REPOSITORY / "docs" / "install-workflow-rule.md").read_text(encoding="utf-8")
    names = re.search(r"`zip -j lead-time\.zip ([^`]+)`", page).group(1).split()
    archive = tmp_path / "lead-time.zip"
    with zipfile.ZipFile(archive, "w") as written:
        for name in names:
            written.write(REPOSITORY / name, Path(name).name)
    assert sorted(zipfile.ZipFile(archive).namelist()) == ["lead-time-rule.js", "manifest.json"]
