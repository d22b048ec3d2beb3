"""A viewer's word to Zabbix: its own acknowledgement, with the viewer's own token.

Nothing of it is kept here: the next round of the watcher brings it back.
"""

from __future__ import annotations

from collections.abc import Sequence

from extract.client import Patience, UnwellError
from extract.errors import ConfigurationError, RunError, SourceError
from extract.zabbix.client import Call, ZabbixClient

# bits of event.acknowledge's `action`
ACKNOWLEDGE, MESSAGE = 2, 4

LONGEST_MESSAGE = 2000
MOST_AT_ONCE = 1000
LONGEST_TOKEN = 200

# once: a comment that is sent again stands there twice
ONCE = Patience(connect_seconds=5, read_seconds=20, tries=1, slow_tries=1)


class CommentError(RunError):
    """The comment was not written, or nobody knows whether it was; the text says which."""


def write(url: str, token: str, ids: Sequence[str], message: str, *, is_acknowledged: bool) -> None:
    """Comment on problems, and acknowledge them if it is said so.

    Raises CommentError without the token in it.
    """
    action = (ACKNOWLEDGE if is_acknowledged else 0) | (MESSAGE if message else 0)
    params = {"eventids": list(ids), "action": action, "message": message}
    client = ZabbixClient(url, token, patience=ONCE)
    try:
        client.introduce()
    except (SourceError, ConfigurationError) as error:
        raise CommentError(f"Nothing was written: {_told(error, token)}") from None
    try:
        client.ask([Call("event.acknowledge", params)])
    except UnwellError as error:
        raise CommentError(
            f"Nobody knows whether it was written: {_told(error, token)} Look at the list before "
            "you try again"
        ) from None
    except SourceError as error:
        raise CommentError(f"Nothing was written: {_told(error, token)}") from None


def _told(error: RunError, token: str) -> str:
    # the advice of the client names the setting of the watcher's token, which is not this one
    text = str(error).replace(token, "…").split(". Give a valid")[0]
    return text if text.endswith(".") else f"{text}."
