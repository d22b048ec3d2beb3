"""What can end a run, and the exit code that a scheduler sees for it."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager


class RunError(Exception):
    """A failure with a message for the operator: what is wrong, and what to mend.

    The message never carries a secret. docs/operations.md lists what each `exit_code` means.
    """

    exit_code = 1


class UsageError(RunError):
    """The command line cannot be understood."""

    exit_code = 2


class SourceError(RunError):
    """A source cannot be read, or what it answered cannot be trusted."""

    exit_code = 3


class DatabaseError(RunError):
    """PostgreSQL cannot be reached, or refuses what a run needs."""

    exit_code = 4


class DiskError(RunError):
    """A folder that the run itself writes to has no space left, or is not the run's to write."""

    exit_code = 1

    @classmethod
    def of(cls, error: BaseException, folder: str) -> DiskError | None:
        """The error in words for the operator, if it is a full disk, a used-up quota or a right."""
        if not isinstance(error, OSError):
            return None
        file = error.filename2 or error.filename
        reason = f"{error.strerror}{f': {file}' if file else ''}"
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            return cls(
                f"the disk of {folder} is full ({reason}): make room there and run again; the "
                "marts stay as they were"
            )
        if file and error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
            return cls(
                f"{folder} may not be read or written ({reason}): give it to the user of the run"
            )
        return None


@contextmanager
def disk_faults_named(folder: str) -> Iterator[None]:
    """Raise a DiskError in place of what the system says of the disk or of the rights to it."""
    try:
        yield
    except OSError as error:
        raise DiskError.of(error, folder) or error from None


class LockedError(RunError):
    """Another run is at work in the same database."""

    exit_code = 75


class ConfigurationError(RunError):
    """A setting is missing, malformed or contradicts the data that is already there."""

    exit_code = 78
