"""What is kept of a value: ids and keys, and names of what is neither a person nor an issue.

A reference carries `display`: the name of a person, the title of an issue, or the name of a status.
Which it is, only the address in `self` tells, so a name is kept where that address is known to be
harmless, and nowhere else.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from extract.tables import Entity

# the last but one step of `self`: /v3/components/7
_NAMED_SAFELY = frozenset(
    {
        "queues", "statuses", "resolutions", "issuetypes", "priorities", "sprints", "boards",
        "columns", "components", "versions", "projects", "project", "portfolio", "goal",
    }
)  # fmt: skip

# in objects without an id, which no reference is
_WORDS = frozenset(
    {
        "self", "display", "text", "textHtml", "longText", "shortText", "description", "comment",
        "summary", "title", "name", "firstName", "lastName", "fullName", "email",
    }
)  # fmt: skip

# what people wrote, and lists of people that no number needs
LEFT_OUT = frozenset(
    {
        "self", "summary", "description", "descriptionHtml", "comment", "comments",
        "checklistItems", "emailFrom", "emailTo", "emailCc", "emailCreatedBy", "followers",
        "access", "votedBy", "favorite", "attachments", "links", "worklog",
    }
)  # fmt: skip


def cleaned(value: Any) -> Any:
    """The value of a field, without what people wrote and what they are called."""
    kind = type(value)
    if kind is list:
        return [cleaned(each) for each in value]
    if kind is not dict:
        return value
    if "id" not in value:
        return {key: cleaned(each) for key, each in value.items() if key not in _WORDS}
    kept = {key: value[key] for key in ("id", "key") if key in value}
    if "display" in value and _is_named_safely(value.get("self")):
        kept["display"] = value["display"]
    return kept


def changes(fields: Any) -> list[Entity] | None:
    """The changes of fields in a changelog entry."""
    if not isinstance(fields, list):
        return None
    return [_change(each) for each in fields if isinstance(each, dict)]


def _change(change: Entity) -> Entity:
    field = change.get("field")
    name = field.get("id") if isinstance(field, dict) else None
    if name is None or name in LEFT_OUT:
        return {"field": {"id": name}}
    kept = {key: cleaned(change[key]) for key in ("from", "to") if key in change}
    return {"field": {"id": name}, **kept}


def _is_named_safely(address: object) -> bool:
    if not isinstance(address, str):
        return False
    steps = urlsplit(address).path.rstrip("/").split("/")
    return len(steps) > 1 and steps[-2] in _NAMED_SAFELY
