"""Error reports to the Sentry that `SENTRY_DSN` names, through dlt's own support.

dlt hands Sentry everything that its SDK collects: local variables, which hold the token, requests
and log lines. What leaves here is built anew from a list of what may leave.
"""

from collections.abc import Callable
from typing import Any

import sentry_sdk

from extract.isolated_dlt import RuntimeConfiguration
from extract.isolated_dlt import sentry as dlt_sentry

FLUSH_SECONDS = 5

_KEPT = ("event_id", "timestamp", "level", "platform", "release", "logger", "tags")
_KEPT_OF_FRAMES = ("module", "function", "lineno")


def start(dsn: str | None, redact: Callable[[str], str]) -> None:
    """Report errors from here on, if a DSN is given. A malformed one raises ValueError."""
    if not dsn:
        return
    dlt_sentry.before_send = lambda event, hint=None: scrubbed(event, redact)
    configuration = RuntimeConfiguration()
    configuration.sentry_dsn = dsn
    configuration.pipeline_name = "lead-time"
    dlt_sentry.init_sentry(configuration)


def is_on() -> bool:
    """Whether errors are reported."""
    return sentry_sdk.get_client().is_active()


def report(error: str) -> None:
    """Report the end of a run; does nothing where reporting was not started."""
    if is_on():
        sentry_sdk.capture_message(error, level="error")
        sentry_sdk.flush(timeout=FLUSH_SECONDS)


def scrubbed(event: dict[str, Any], redact: Callable[[str], str]) -> dict[str, Any]:
    """The event with types, places and redacted texts; no variables, requests or log lines."""
    kept: dict[str, Any] = {key: event[key] for key in _KEPT if key in event}
    message = event.get("message") or (event.get("logentry") or {}).get("message")
    if message:
        kept["message"] = redact(str(message))
    exceptions = (event.get("exception") or {}).get("values") or []
    if exceptions:
        kept["exception"] = {
            "values": [
                {
                    "type": exception.get("type"),
                    "value": redact(str(exception.get("value"))),
                    "stacktrace": {"frames": _frames(exception)},
                }
                for exception in exceptions
            ]
        }
    return kept


def _frames(exception: dict[str, Any]) -> list[dict[str, Any]]:
    frames = (exception.get("stacktrace") or {}).get("frames") or []
    return [{key: frame.get(key) for key in _KEPT_OF_FRAMES} for frame in frames]
