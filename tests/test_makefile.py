"""The commands of the Makefile before there is a Python with our packages."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import REPOSITORY, clean_environment


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A checkout that wants no package, after an installation that was cut off."""
    (tmp_path / "Makefile").write_bytes((REPOSITORY / "Makefile").read_bytes())
    (tmp_path / "requirements.txt").touch()
    half_made = tmp_path / ".venv" / "bin" / "python"
    half_made.parent.mkdir(parents=True)
    half_made.write_text("#!/bin/sh\necho 'No module named pip' >&2\nexit 1\n")
    half_made.chmod(0o755)
    return tmp_path


def make(folder: Path, python: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["make", "-s", ".venv/.installed", f"PYTHON={python}"],
        cwd=folder,
        env=clean_environment({"PIP_NO_INDEX": "1"}),
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_half_made_venv_is_made_anew_and_what_it_takes_is_said_first(folder: Path) -> None:
    made = make(folder, sys.executable)
    assert made.returncode == 0, made.stderr
    assert made.stderr.startswith("installing into .venv, once: about a minute, 1 GB, from ")
    assert (folder / ".venv" / ".installed").exists()
    again = make(folder, sys.executable)
    assert (again.returncode, again.stdout, again.stderr) == (0, "", "")


def test_a_python_without_venv_names_the_package_and_leaves_nothing(folder: Path) -> None:
    python = folder / "python"
    python.write_text(
        "#!/bin/sh\nmkdir -p .venv/bin\necho 'ensurepip is not available' >&2\nexit 1\n"
    )
    python.chmod(0o755)
    made = make(folder, os.fspath(python))
    assert made.returncode == 2
    assert "apt-get install python3-venv" in made.stderr
    assert not (folder / ".venv").exists()
