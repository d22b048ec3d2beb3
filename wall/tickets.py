"""Exactly one ticket an incident: written down in `ops.tickets` before it is asked for.

`sending` → `sent`, or `failed` (there is none; it may be tried again), or `doubtful` (nobody knows:
a time-out, a broken connection, a wall that was killed). What is doubtful is looked for in the
tracker, and made again only when it is not there a while after.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import psycopg2
from psycopg2.extensions import connection as Connection  # noqa: N812  (psycopg2's own name)
from psycopg2.extras import RealDictCursor

from extract.errors import RunError
from pipeline.database import Database
from wall.desks import CONNECT_SECONDS, READ_SECONDS, Desk, DoubtfulError, RefusedError, Ticket
from wall.templates import Draft

# A request is given up before, with its look-ups; who is still sending then is dead.
SENDING_SECONDS = 4 * (CONNECT_SECONDS + READ_SECONDS)
# how long a tracker may take to show what it was sent
SETTLING_SECONDS = 60


class TicketError(RunError):
    """There is no ticket, or nobody knows; the text says what to do."""


@dataclass(frozen=True)
class Sent:
    """A ticket that is there. `is_new`: this request made it."""

    ticket: str
    url: str
    is_new: bool


class Tickets:
    """Makes tickets. Safe for several walls over one database."""

    def __init__(
        self, database: Database, desks: Mapping[str, Desk], *,
        sending_seconds: float = SENDING_SECONDS, settling_seconds: float = SETTLING_SECONDS,
    ) -> None:  # fmt: skip
        self._database = database
        self._desks = desks
        self._sending_seconds = sending_seconds
        self._settling_seconds = settling_seconds

    @property
    def trackers(self) -> set[str]:
        """The trackers that tickets can be made in."""
        return set(self._desks)

    def send(self, incident_id: str, draft: Draft) -> Sent:
        """Make the ticket, or say which one there is already. Raises TicketError."""
        desk = self._desk(draft.tracker)
        with self._connection() as connection:
            if not self._claim(connection, incident_id, draft):
                return self._there_already(connection, incident_id)
            mark = mark_of(incident_id)
            try:
                ticket = desk.create(draft.project, draft.summary, draft.description, mark)
            except RefusedError as error:
                self._settle(connection, incident_id, "failed", error=str(error))
                raise TicketError(f"No ticket was made: {error}.") from None
            except DoubtfulError as error:
                self._settle(connection, incident_id, "doubtful", error=str(error))
                raise TicketError(
                    f"Nobody knows whether the ticket was made: {error}. Press again in a minute: "
                    "it is looked for first."
                ) from None
            self._settle(connection, incident_id, "sent", ticket=ticket)
            return Sent(ticket.key, ticket.url, is_new=True)

    def _desk(self, tracker: str) -> Desk:
        desk = self._desks.get(tracker)
        if desk is None:
            raise TicketError(
                f"The template wants a ticket in {tracker}, and no token may create one there."
            )
        return desk

    @contextmanager
    def _connection(self) -> Iterator[Connection]:
        try:
            connection = self._database.connect()
        except RunError:
            raise TicketError(
                "The database does not answer, and a ticket is sent only when that is written "
                "down first: nothing was sent."
            ) from None
        try:
            yield connection
        except psycopg2.Error:
            raise TicketError(
                "The database failed meanwhile: press again in a minute, a ticket that was made "
                "is found."
            ) from None
        finally:
            connection.close()

    def _claim(self, connection: Connection, incident_id: str, draft: Draft) -> bool:
        """Write down that it is being sent; False where another was before."""
        with connection.cursor() as cursor:
            cursor.execute(
                "insert into ops.tickets (incident_id, source, tracker, project, summary, state, "
                "requested_at) values (%s, 'zabbix', %s, %s, %s, 'sending', clock_timestamp()) "
                "on conflict (incident_id) do update set tracker = excluded.tracker, "
                "project = excluded.project, summary = excluded.summary, state = 'sending', "
                "error = null, requested_at = excluded.requested_at, settled_at = null "
                "where tickets.state = 'failed' returning true",
                (incident_id, draft.tracker, draft.project, draft.summary),
            )
            return cursor.fetchone() is not None

    def _there_already(self, connection: Connection, incident_id: str) -> Sent:
        """The ticket of this incident, looked for where it is not known."""
        with connection.cursor(cursor_factory=RealDictCursor) as cursor:
            cursor.execute(
                "select tracker, project, state, ticket, ticket_url, "
                "extract(epoch from clock_timestamp() - requested_at)::float as age "
                "from ops.tickets where incident_id = %s",
                (incident_id,),
            )
            row = cursor.fetchone()
        if row["state"] == "sent":
            return Sent(row["ticket"], row["ticket_url"], is_new=False)
        if row["state"] == "sending" and row["age"] < self._sending_seconds:
            raise TicketError("The ticket is being sent just now.")
        return self._looked_for(connection, incident_id, row)

    def _looked_for(self, connection: Connection, incident_id: str, row: Mapping[str, Any]) -> Sent:
        try:
            ticket = self._desk(row["tracker"]).find(row["project"], mark_of(incident_id))
        except DoubtfulError as error:
            raise TicketError(
                f"A ticket may have been made, and that cannot be found out now: {error}."
            ) from None
        if ticket is not None:
            self._settle(connection, incident_id, "sent", ticket=ticket)
            return Sent(ticket.key, ticket.url, is_new=False)
        if row["age"] < self._settling_seconds:
            raise TicketError(
                "The ticket is not there yet. If it is not in a minute, it can be sent again."
            )
        self._settle(connection, incident_id, "failed", error="the tracker has no such ticket")
        raise TicketError("No ticket was made the last time. Press again to send it.")

    def _settle(
        self, connection: Connection, incident_id: str, state: str, *,
        ticket: Ticket | None = None, error: str | None = None,
    ) -> None:  # fmt: skip
        """Write down what it came to; what is sent stays so."""
        key, url = ticket or (None, None)
        with connection.cursor() as cursor:
            cursor.execute(
                "update ops.tickets set state = %s, ticket = %s, ticket_url = %s, error = %s, "
                "settled_at = clock_timestamp() where incident_id = %s and state <> 'sent'",
                (state, key, url, error and error[:500], incident_id),
            )


def mark_of(incident_id: str) -> str:
    """The line by which the ticket of an incident is known."""
    return f"incident zabbix/{incident_id}"
