"""The words of each version of Zabbix's API.

Up to 6.2 a token goes into the body, and a header is refused; from 7.2 on it is the other way
round, and 6.4 to 7.0 take both. Names of parameters changed, too. 6.0 ignores one that it does not
know without a word, 7.0 and later refuse it: so only those of the version are used, and an answer
without the key that was asked for is an error.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from extract.errors import ConfigurationError

OLDEST = (6, 0)

_VERSION = re.compile(r"(\d+)\.(\d+)\b")


@dataclass(frozen=True)
class Wording:
    """How one version is asked, and what its answers are called."""

    version: str
    # the token in a header, not in the body
    has_bearer: bool
    # the parameter that asks for acknowledgements; the answer's key is the same in all versions
    select_acknowledges: str
    # the parameter that asks for the groups of a host, and the answer's key
    select_groups: str
    groups: str
    # whether a problem may be the symptom of another one
    has_causes: bool


def wording(version: str) -> Wording:
    """The words of a version as `apiinfo.version` says it. Raises ConfigurationError."""
    found = _VERSION.match(version)
    if not found:
        raise ConfigurationError(
            f"ZABBIX_URL does not lead to Zabbix: its version reads {version[:40]!r}"
        )
    number = (int(found[1]), int(found[2]))
    if number < OLDEST:
        raise ConfigurationError(f"Zabbix {version} is too old: 6.0 or newer is needed")
    is_new = number >= (6, 4)
    return Wording(
        version,
        has_bearer=is_new,
        select_acknowledges="selectAcknowledges" if number >= (7, 0) else "select_acknowledges",
        select_groups="selectHostGroups" if is_new else "selectGroups",
        groups="hostgroups" if is_new else "groups",
        has_causes=is_new,
    )
