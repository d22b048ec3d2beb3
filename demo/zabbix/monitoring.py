"""What a Zabbix knows, and what can happen to it. Moments are seconds of Unix."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from demo.company import Company

# bits of an acknowledgement's action
CLOSE, ACKNOWLEDGE, MESSAGE, SEVERITY = 1, 2, 4, 8

Tags = list[tuple[str, str]]


@dataclass(eq=False)
class Host:
    """A host; `inventory` is None where it is switched off."""

    id: int
    host: str
    name: str
    groups: list[int]
    tags: Tags
    inventory: dict[str, str] | None
    service: str
    status: int = 0
    is_hidden: bool = False


@dataclass(eq=False)
class Trigger:
    """A trigger of one host. `is_multiple`: each bad value makes a problem of its own."""

    id: int
    host: Host
    description: str
    priority: int
    is_multiple: bool = False
    status: int = 0
    scope: str = "availability"

    @property
    def name(self) -> str:
        return self.description.replace("{HOST.NAME}", self.host.name)


@dataclass
class Acknowledgement:
    id: int
    user: int
    clock: int
    action: int
    message: str = ""
    old_severity: int = 0
    new_severity: int = 0


@dataclass(eq=False)
class Event:
    """A problem (`value` 1) or a recovery."""

    id: int
    trigger: Trigger
    clock: int
    ns: int
    value: int
    name: str
    severity: int
    tags: Tags
    recovery: int = 0
    user: int = 0
    # maintenance → until
    suppressed_by: dict[int, int] = field(default_factory=dict)
    acknowledgements: list[Acknowledgement] = field(default_factory=list)

    @property
    def is_open(self) -> bool:
        return self.value == 1 and not self.recovery

    @property
    def is_acknowledged(self) -> bool:
        return any(each.action & ACKNOWLEDGE for each in self.acknowledgements)


@dataclass(eq=False)
class Maintenance:
    id: int
    name: str
    since: int
    till: int
    hosts: list[Host]


class Monitoring:
    """One Zabbix over the hosts of a company, with the methods that make things happen."""

    def __init__(self, company: Company) -> None:
        self.company = company
        self.lock = company.lock
        self.rng = random.Random(f"monitoring {company.seed}")
        self.groups: dict[int, str] = {}
        self.hosts: dict[int, Host] = {}
        self.triggers: dict[int, Trigger] = {}
        self.maintenances: dict[int, Maintenance] = {}
        # in the order of ids
        self.events: dict[int, Event] = {}
        self._open: dict[int, dict[int, Event]] = {}
        self._last_event = 0
        self._last_acknowledgement = 0

    @property
    def now(self) -> int:
        return self.company.now // 1000

    # --- what there is --------------------------------------------------------------------------

    def group(self, name: str) -> int:
        """The id of a host group, made where it is new."""
        for key, known in self.groups.items():
            if known == name:
                return key
        key = len(self.groups) + 20
        self.groups[key] = name
        return key

    def add_host(
        self, host: str, name: str, groups: Iterable[str], service: str,
        inventory: dict[str, str] | None,
    ) -> Host:  # fmt: skip
        key = 10_000 + len(self.hosts) + 1
        listed = [self.group(each) for each in groups]
        made = Host(key, host, name, listed, [("service", service)], inventory, service)
        self.hosts[key] = made
        return made

    def add_trigger(self, host: Host, description: str, priority: int, **more: object) -> Trigger:
        key = 20_000 + len(self.triggers) + 1
        made = Trigger(key, host, description, priority, **more)  # type: ignore[arg-type]
        self.triggers[key] = made
        return made

    def open_problems(self) -> list[Event]:
        """What problem.get lists: nothing of a trigger that is gone."""
        return sorted(
            (
                event
                for trigger, events in self._open.items()
                if trigger in self.triggers
                for event in events.values()
            ),
            key=lambda event: event.id,
        )

    # --- what happens ---------------------------------------------------------------------------

    def problem(self, trigger: Trigger, at: int | None = None, **more: object) -> Event | None:
        """A bad value: a problem begins, where none of the trigger is open or it may have many."""
        with self.lock:
            if self._open.get(trigger.id) and not trigger.is_multiple:
                return None
            event = self._event(trigger, 1, at)
            event.severity = trigger.priority
            for name, value in more.items():
                setattr(event, name, value)
            self._open.setdefault(trigger.id, {})[event.id] = event
            for each in self.maintenances.values():
                if trigger.host in each.hosts and each.since <= event.clock < each.till:
                    event.suppressed_by[each.id] = each.till
            return event

    def recover(self, trigger: Trigger, at: int | None = None) -> Event | None:
        """A good value: one recovery closes all that is open of the trigger."""
        with self.lock:
            closed = self._open.pop(trigger.id, None)
            return self._close(trigger, closed.values(), at) if closed else None

    def acknowledge(
        self, event: Event, message: str = "", *, at: int | None = None, user: int = 1,
        severity: int | None = None, close: bool = False, is_seen: bool = True,
    ) -> Acknowledgement:  # fmt: skip
        """Somebody sees a problem, says something, changes its severity or closes it."""
        with self.lock:
            self._last_acknowledgement += 1
            action = ACKNOWLEDGE * is_seen | MESSAGE * bool(message) | CLOSE * close
            said = Acknowledgement(
                self._last_acknowledgement, user, self._moment(at), action, message
            )
            if severity is not None and severity != event.severity:
                said.action |= SEVERITY
                said.old_severity, said.new_severity = event.severity, severity
                event.severity = severity
            event.acknowledgements.append(said)
            if close and event.is_open:
                self._open[event.trigger.id].pop(event.id)
                self._close(event.trigger, [event], said.clock + 6, user=user)
            return said

    def maintain(self, hosts: list[Host], name: str, since: int, till: int) -> Maintenance:
        """A time of work on some hosts, whose open problems are suppressed."""
        with self.lock:
            made = Maintenance(len(self.maintenances) + 1, name, since, till, hosts)
            self.maintenances[made.id] = made
            for event in self.open_problems():
                if event.trigger.host in hosts and since <= self.now < till:
                    event.suppressed_by[made.id] = till
            return made

    def end_maintenance(self, maintenance: Maintenance) -> None:
        """What it has suppressed is not suppressed any more."""
        with self.lock:
            maintenance.till = min(maintenance.till, self.now)
            for event in self.events.values():
                event.suppressed_by.pop(maintenance.id, None)

    def delete_trigger(self, trigger: Trigger) -> None:
        """Its problems stay in the history, open for ever."""
        with self.lock:
            del self.triggers[trigger.id]

    def delete_host(self, host: Host) -> None:
        with self.lock:
            for trigger in [each for each in self.triggers.values() if each.host is host]:
                self.delete_trigger(trigger)
            del self.hosts[host.id]

    def purge(self, is_old: Callable[[Event], bool]) -> None:
        """The housekeeper: events that are old and not open are deleted."""
        with self.lock:
            kept = self.events.values()
            self.events = {each.id: each for each in kept if each.is_open or not is_old(each)}

    def begin_again(self) -> None:
        """All events are gone, and their ids begin at 1."""
        with self.lock:
            self.events.clear()
            self._open.clear()
            self._last_event = self._last_acknowledgement = 0

    def _event(self, trigger: Trigger, value: int, at: int | None) -> Event:
        self._last_event += 1
        tags = [*trigger.host.tags, ("scope", trigger.scope)]
        event = Event(
            self._last_event, trigger, self._moment(at), self.rng.randrange(10**9), value,
            trigger.name, 0, tags,
        )  # fmt: skip
        self.events[event.id] = event
        return event

    def _close(
        self, trigger: Trigger, events: Iterable[Event], at: int | None, user: int = 0
    ) -> Event:
        recovery = self._event(trigger, 0, at)
        recovery.user = user
        for event in events:
            event.recovery = recovery.id
            event.suppressed_by.clear()
        return recovery

    def _moment(self, at: int | None) -> int:
        return self.now if at is None else at
