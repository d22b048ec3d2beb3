"""The Ansible role: read by its linter, and carried out in a copy of this system's folders.

What needs a system that is alive is left out: Debian's packages, the libraries, the timer's start.
"""

import os
import pwd
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jinja2
import psycopg2
import pytest
import yaml
from conftest import REPOSITORY, PostgresServer
from dotenv import dotenv_values

from pipeline.settings import KNOWN_VARIABLES, own_variables

ANSIBLE = REPOSITORY / "deploy" / "ansible"
ROLE = ANSIBLE / "roles" / "lead_time"
PROGRAMS = REPOSITORY / ".venv-ansible" / "bin"

SETTINGS = {
    "YOUTRACK_URL": "https://youtrack.example.com",
    "YOUTRACK_TOKEN": "perm:a\"b\\c\\new $HOME `id` 'd' #e ё",
    "RUN_TIMEOUT_MINUTES": 90,
    "REPORT_DETAILS": True,
}
TASKS_OF_A_LIVING_SYSTEM = "packages,libraries,timer"


def _tool(name: str) -> str:
    path = shutil.which(name, path=f"{PROGRAMS}{os.pathsep}{os.environ['PATH']}")
    if path is None:
        pytest.skip(f"{name} is not installed (make .venv-ansible/.installed)")
    return path


def _environment(folder: Path) -> dict[str, str]:
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "LC_ALL": "C.UTF-8",
        "ANSIBLE_NOCOLOR": "1",
        "ANSIBLE_PIPELINING": "1",
    }


def _tasks() -> list[dict[str, Any]]:
    return yaml.safe_load((ROLE / "tasks" / "main.yml").read_text(encoding="utf-8"))


def _task(name: str) -> dict[str, Any]:
    (task,) = [task for task in _tasks() if task["name"] == name]
    return task


def _lint(folder: Path, home: Path) -> subprocess.CompletedProcess[str]:
    # it calls programs of ansible-core by name
    environment = _environment(home)
    tool = _tool("ansible-lint")
    environment["PATH"] = f"{Path(tool).parent}{os.pathsep}{environment['PATH']}"
    return subprocess.run(
        [tool, "--offline", "--profile", "production", "--nocolor", str(folder)],
        cwd=folder, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_ansible_lint_finds_nothing_in_the_role_and_something_in_a_broken_one(
    tmp_path: Path,
) -> None:
    copy = tmp_path / "deploy" / "ansible"
    shutil.copytree(ANSIBLE, copy)
    linted = _lint(copy, tmp_path)
    assert linted.returncode == 0, linted.stdout + linted.stderr
    tasks = copy / "roles" / "lead_time" / "tasks" / "main.yml"
    tasks.write_text(tasks.read_text().replace('mode: "0600"', "mode: 600"))
    assert "risky-octal" in _lint(copy, tmp_path).stdout


def _play(folder: Path, *options: str, prefix: tuple[str, ...] = (), **changes: Any) -> str:
    variables = {"ansible_become": False, "ansible_python_interpreter": sys.executable,
                 "lead_time_repository": str(folder / "origin"),
                 "lead_time_settings": SETTINGS, **changes}  # fmt: skip
    text = yaml.safe_dump(variables, allow_unicode=True)
    (folder / "settings.yml").write_text(text, encoding="utf-8")
    played = subprocess.run(
        [*prefix, _tool("ansible-playbook"), "--inventory", "localhost,", "--connection", "local",
         "--extra-vars", f"@{folder / 'settings.yml'}", *options, str(ANSIBLE / "site.yml")],
        cwd=folder, env=_environment(folder), capture_output=True, text=True, check=False,
    )  # fmt: skip
    said = played.stdout + played.stderr
    assert "perm:" not in said, "a secret is in what Ansible tells"
    assert played.returncode == 0 or "failed=1" in said, said
    return said


def test_the_playbook_s_syntax_is_right(tmp_path: Path) -> None:
    assert "playbook: " in _play(tmp_path, "--syntax-check")


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"lead_time_schedule": "at"}, "value of lead_time_schedule must be one of"),
        ({"lead_time_settings": {"YOUTRACK_URL": "a\nb"}}, "a value of one line"),
        ({"lead_time_settings": {"a b": "c"}}, "a name in capitals"),
    ],
)
def test_what_the_role_cannot_do_is_refused(
    changes: dict[str, Any], told: str, tmp_path: Path
) -> None:
    said = _play(tmp_path, "--check", "--skip-tags", TASKS_OF_A_LIVING_SYSTEM, **changes)
    assert "failed=1" in said
    assert told in said


# The folders that the role writes to, each a copy of which only this process knows
SCRATCH = r"""
set -e
mount --make-rprivate /
cd "$1"
for folder in etc opt var/log; do
    mkdir -p upper/$folder work/$folder
    mount -t overlay -o "lowerdir=/$folder,upperdir=upper/$folder,workdir=work/$folder" \
        overlay /$folder
done
shift
exec "$@"
"""


@pytest.fixture
def scratch(tmp_path: Path) -> Iterator[tuple[str, ...]]:
    """What a command begins with, to write to a copy of the system's folders."""
    _tool("ansible-playbook")
    # as on a host whose root shares nothing
    script = ("unshare", "--mount", "sh", "-c", f"umask 077\n{SCRATCH}", "sh", str(tmp_path))
    if os.geteuid() != 0 or subprocess.run([*script, "true"], check=False).returncode != 0:
        pytest.skip("an overlay may not be mounted here: the role was not carried out")
    origin = tmp_path / "origin"
    origin.mkdir()
    (origin / "README.md").write_text("a version\n")
    for command in (
        "init -q -b main",
        "add .",
        "-c user.name=a -c user.email=a@b commit -qm a",
    ):
        subprocess.run(["git", *command.split()], cwd=origin, check=True)
    yield script


def _recap(said: str) -> tuple[int, int]:
    found = re.search(r"changed=(\d+) +unreachable=0 +failed=(\d+)", said)
    assert found, said
    return int(found[1]), int(found[2])


@pytest.mark.slow
@pytest.mark.parametrize("schedule", ["systemd", "cron"])
def test_the_role_installs_what_deploy_holds_once_and_then_changes_nothing(
    schedule: str, scratch: tuple[str, ...], tmp_path: Path
) -> None:
    def play(*options: str) -> str:
        return _play(tmp_path, "--skip-tags", TASKS_OF_A_LIVING_SYSTEM, *options,
                     prefix=scratch, lead_time_schedule=schedule)  # fmt: skip

    upper = tmp_path / "upper"
    if schedule == "systemd":
        changed, failed = _recap(play("--check", "--diff"))
        assert (changed > 4, failed) == (True, 0), "on a new host, everything is still to be done"
        assert not (upper / "opt" / "lead-time").exists(), "and a check does nothing"
    said = play()
    assert _recap(said)[1] == 0, said
    # from here on without the root's namespace: the folders are looked at where they were written
    passwd = (upper / "etc" / "passwd").read_text()
    user = re.search(r"^lead-time:x:(\d+):(\d+):.*:/opt/lead-time:/usr/sbin/nologin$", passwd, re.M)
    assert user, passwd[-300:]
    ids = int(user[1]), int(user[2])
    root = upper / "opt" / "lead-time"
    assert (root / "README.md").read_text() == "a version\n"
    assert [path.stat().st_mode & 0o777 for path in (root, root / "README.md")] == [0o755, 0o644]
    expected = {root / ".local": (*ids, 0o750), upper / "var/log/lead-time": (*ids, 0o750)}
    if schedule == "systemd":
        settings = upper / "etc" / "lead-time.env"
        expected[settings] = (0, 0, 0o600)
        copies = {f"systemd/{name}": upper / "etc/systemd/system" / name
                  for name in ("lead-time.service", "lead-time.timer")}  # fmt: skip
    else:
        settings = root / ".env"
        expected[settings] = (*ids, 0o600)
        copies = {"cron/lead-time": upper / "etc/cron.d/lead-time",
                  "cron/lead-time.logrotate": upper / "etc/logrotate.d/lead-time"}  # fmt: skip
    for source, copy in copies.items():
        assert copy.read_bytes() == (REPOSITORY / "deploy" / source).read_bytes()
        expected[copy] = (0, 0, 0o644)
    for path, rights in expected.items():
        stat = path.stat()
        assert (stat.st_uid, stat.st_gid, stat.st_mode & 0o777) == rights, path
    assert dotenv_values(settings, interpolate=False) == {
        **SETTINGS,
        "RUN_TIMEOUT_MINUTES": "90",
        "REPORT_DETAILS": "true",
    }
    # nothing was written beside it
    assert "lead-time" not in {each.pw_name for each in pwd.getpwall()}
    if schedule == "systemd":
        assert _recap(play()) == (0, 0), "there is nothing left to do"


def test_the_settings_are_those_of_a_local_database_unless_others_are_given() -> None:
    environment = jinja2.Environment(trim_blocks=True, keep_trailing_newline=True)  # noqa: S701
    environment.filters["combine"] = lambda first, second: {**first, **second}
    template = environment.from_string((ROLE / "templates" / "settings.env.j2").read_text())

    def written(database: str, **settings: str) -> dict[str, str]:
        text = template.render(lead_time_database=database, lead_time_settings=settings)
        return dict(line.split("=", 1) for line in text.splitlines()[1:])

    assert written("given", A="b") == {"A": '"b"'}
    local = written("local", PGDATABASE="other")
    assert local.pop("PGDATABASE") == '"other"'
    assert set(local) == {"PGHOST", "PGUSER"}
    assert {*local, *SETTINGS} <= KNOWN_VARIABLES | own_variables() | {"PGHOST"}


def test_the_database_and_its_role_are_made_once(server: PostgresServer) -> None:
    task = _task("Make the database, and the role that owns it")["ansible.builtin.command"]
    connection = server.connect()
    with connection.cursor() as cursor:
        try:
            said = [_psql(server, task) for _ in range(2)]
            assert ["CREATE" in each for each in said] == [True, False]
            made = psycopg2.connect(
                host=server.host, port=server.port, user="lead-time", dbname="leadtime"
            )
            with made.cursor() as mine:
                mine.execute("select has_database_privilege('leadtime', 'CREATE')")
                assert mine.fetchone() == (True,)
            made.close()
        finally:
            cursor.execute("drop database if exists leadtime")
            cursor.execute('drop role if exists "lead-time"')
    connection.close()


def _psql(server: PostgresServer, task: dict[str, str]) -> str:
    # in place of `runuser -u postgres --`
    command = task["cmd"].partition(" -- ")[2].split()
    environment = {"PATH": os.environ["PATH"], "PGHOST": server.host, "PGPORT": server.port,
                   "PGUSER": server.user}  # fmt: skip
    return subprocess.run(
        command, input=task["stdin"], env=environment, capture_output=True, text=True, check=True
    ).stdout
