"""The embedded PostgreSQL: any path, one server, no port, no surprise about versions."""

import errno
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from unittest.mock import Mock

import psycopg2
import pytest
from conftest import AWKWARD_NAME

from extract.errors import DatabaseError
from pipeline import __main__ as main_module
from pipeline import embedded
from pipeline.__main__ import main


@pytest.fixture
def data(tmp_path: Path):
    folder = tmp_path / AWKWARD_NAME / ".local" / "postgres"
    yield folder
    embedded.stop(folder)


def query(socket_folder: Path, statement: str) -> str:
    connection = psycopg2.connect(
        host=str(socket_folder), port=embedded.PORT, user=embedded.SUPERUSER, dbname="postgres"
    )
    try:
        with connection.cursor() as cursor:
            cursor.execute(statement)
            return cursor.fetchone()[0]
    finally:
        connection.close()


def test_starts_in_a_folder_with_spaces_cyrillic_letters_and_150_characters(data: Path) -> None:
    assert len(AWKWARD_NAME) >= 150
    assert query(embedded.start(data), "select 'привет'") == "привет"


def test_listens_on_no_port_and_lets_nobody_else_reach_the_socket(data: Path) -> None:
    folder = embedded.start(data)
    assert query(folder, "show listen_addresses") == ""
    assert folder.stat().st_mode & 0o077 == 0


def test_two_starts_at_once_give_one_server_and_stopping_ends_it(data: Path) -> None:
    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(embedded.start, (data, data))
    assert first == second
    assert embedded.stop(data)
    assert not embedded.stop(data)
    with pytest.raises(psycopg2.OperationalError):
        query(first, "select 1")


def test_data_outlive_a_stop(data: Path) -> None:
    folder = embedded.start(data)
    connection = psycopg2.connect(host=str(folder), user=embedded.SUPERUSER, dbname="postgres")
    with connection, connection.cursor() as cursor:
        cursor.execute("create table kept as select 42 as answer")
    connection.close()
    embedded.stop(data)
    assert query(embedded.start(data), "select answer from kept") == 42


def test_a_server_killed_without_a_word_starts_again(data: Path) -> None:
    folder = embedded.start(data)
    pid = int((data / "postmaster.pid").read_text().split()[0])
    os.kill(pid, 9)
    deadline_query = "select pg_is_in_recovery()"
    for _ in range(50):
        try:
            query(folder, deadline_query)
        except psycopg2.OperationalError:
            break
    assert query(embedded.start(data), "select 1") == 1


def test_data_of_another_major_version_are_refused_with_the_steps_to_take(data: Path) -> None:
    data.mkdir(parents=True)
    (data / "PG_VERSION").write_text("16\n")
    with pytest.raises(DatabaseError, match=r"belong to PostgreSQL 16.*mv .*run again"):
        embedded.start(data)
    assert [path.name for path in data.iterdir()] == ["PG_VERSION"]


@pytest.mark.parametrize("sign", ["$HOME", "`ls`", '"', "\\"])
def test_a_path_that_a_shell_would_change_is_refused_by_name(tmp_path: Path, sign: str) -> None:
    data = tmp_path / f"costs {sign} 5" / "postgres"
    with pytest.raises(DatabaseError, match="cannot start from a path .*PGHOST"):
        embedded.start(data)
    assert not data.parent.exists()


def test_the_server_does_not_inherit_the_token(data: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from pipeline import embedded; "
        "embedded.start(Path(sys.argv[1]))"
    )
    subprocess.run(
        [sys.executable, "-c", code, str(data)],
        env={**os.environ, "YOUTRACK_TOKEN": "perm:must-not-leak"},
        check=True,
    )
    pid = (data / "postmaster.pid").read_text().split()[0]
    assert b"must-not-leak" not in Path(f"/proc/{pid}/environ").read_bytes()


def test_a_folder_that_another_user_has_made_is_named_without_a_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    # the tests may run as root, who may everything
    refusal = PermissionError(errno.EACCES, "Permission denied", "/somewhere/postgres.lock")
    monkeypatch.setattr(embedded, "stop", Mock(side_effect=refusal))
    assert main(["stop"]) == 1
    said = " ".join(capsys.readouterr().err.split())
    assert "(Permission denied: /somewhere/postgres.lock): give it to the user of the run" in said


def test_a_user_without_a_home_gets_one_that_nobody_has(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/somewhere")
    main_module._have_a_home()
    assert os.environ["HOME"] == "/somewhere"
    monkeypatch.delenv("HOME")
    monkeypatch.setattr("pwd.getpwuid", Mock(side_effect=KeyError))
    main_module._have_a_home()
    assert str(Path.home()) == "/nonexistent"


def test_a_user_without_a_name_is_told_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 123_456)
    with pytest.raises(DatabaseError, match=r"the user 123456, .* name a server .* in PGHOST"):
        embedded.start(tmp_path / "data")
    assert list(tmp_path.iterdir()) == []
