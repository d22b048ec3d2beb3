"""Two years of incidents in the company's racks, told from the company's seed."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from demo.catalogue import Team
from demo.company import HOSTILE, Company
from demo.model import DAY
from demo.zabbix.monitoring import Event, Host, Monitoring, Trigger

MINUTE, HOUR = 60, 3600

SITES = (("DC-1", "Москва", "55.75", "37.61"), ("DC-2", "Казань", "55.79", "49.12"))
RACKS_A_SITE = 4
HOSTS_A_TEAM = 8
# (what, priority, whether each bad value makes a problem)
KINDS = (
    ("{HOST.NAME} is unreachable", 4, False),
    ("CPU is overloaded on {HOST.NAME}", 2, False),
    ("Disk space is low on {HOST.NAME}", 3, False),
    ("Response time of {HOST.NAME} is high", 3, False),
    ("Service is down on {HOST.NAME}", 5, False),
    ("Ошибка в журнале {HOST.NAME}", 3, True),
)
NETWORK_KINDS = (("Packet loss on {HOST.NAME}", 4, False), ("Link down on {HOST.NAME}", 5, False))
MESSAGES = ("Смотрю", "known, restarting", "false alarm", "see the chat", *HOSTILE)

Happening = tuple[int, int, Callable[..., Any], tuple[Any, ...]]


def tell(company: Company, incidents: int | None = None) -> Monitoring:
    """The monitoring of a company; without a number, as many incidents as it has issues."""
    monitoring = Monitoring(company)
    _place(monitoring)
    _Story(monitoring).tell(len(company.issues) if incidents is None else incidents)
    return monitoring


def _place(monitoring: Monitoring) -> None:
    """Hosts in racks: the network's in each, the teams' all over them."""
    racks = [
        (site, f"{'AB'[number % 2]}-{number + 1:02d}")
        for site in SITES
        for number in range(RACKS_A_SITE)
    ]
    for number, (site, rack) in enumerate(racks, 1):
        kind = "core" if number % RACKS_A_SITE == 1 else "acc"
        host = _host(monitoring, f"sw-{kind}-{number}", "Network", "network", site, rack)
        for description, priority, is_multiple in NETWORK_KINDS:
            monitoring.add_trigger(host, description, priority, is_multiple=is_multiple)
    for place, team in enumerate(monitoring.company.teams):
        for number in range(HOSTS_A_TEAM):
            site, rack = racks[(place * 3 + number) % len(racks)]
            name = f"srv-{place + 1}-{number + 1}"
            host = _host(monitoring, name, f"Services/{team.name}", team.name, site, rack)
            if number == HOSTS_A_TEAM - 1:
                host.inventory = None
            for description, priority, is_multiple in KINDS:
                monitoring.add_trigger(host, description, priority, is_multiple=is_multiple)


def _host(
    monitoring: Monitoring, name: str, group: str, service: str, site: tuple[str, ...], rack: str
) -> Host:
    where, city, latitude, longitude = site
    inventory = {
        "location": where, "site_rack": rack, "site_city": city, "location_lat": latitude,
        "location_lon": longitude, "serialno_a": f"S{len(monitoring.hosts):05d}",
        "poc_1_name": "Given Family",
    }  # fmt: skip
    shown = f"{service} {name.rpartition('-')[2]}"
    return monitoring.add_host(name, shown, (group, f"Racks/{where}"), service, inventory)


class _Story:
    """Collects what happens, and lets it happen in the order of time."""

    def __init__(self, monitoring: Monitoring) -> None:
        self._monitoring = monitoring
        self._company = monitoring.company
        self._rng = monitoring.rng
        self._happenings: list[Happening] = []
        self._beginning = self._company.beginning // 1000
        self._now = monitoring.now

    def tell(self, incidents: int) -> None:
        teams = self._company.teams
        resolved = self._resolved()
        for team in self._rng.choices(teams, [team.share for team in teams], k=incidents):
            self._incident(team, resolved[team.name])
        for _ in range(incidents // 200):
            self._power_cut()
        self._maintenances()
        self._burn()
        for clock, _, change, arguments in sorted(self._happenings, key=lambda each: each[:2]):
            if clock > self._now:
                break
            change(clock, *arguments)
        self._lose_some()

    def _resolved(self) -> dict[str, list[int]]:
        """When each team's issues were resolved: what is released breaks something."""
        moments: dict[str, list[int]] = {team.name: [] for team in self._company.teams}
        for issue in self._company.issues.values():
            team = issue.value("team")
            if issue.resolved is not None and team is not None:
                moments.setdefault(team.name, []).append(issue.resolved // 1000)
        return moments

    def _incident(self, team: Team, resolved: list[int]) -> None:
        rng, r = self._rng, self._rng.random
        if resolved and r() < 0.4:
            start = rng.choice(resolved) + 5 * MINUTE + int(r() * 90 * MINUTE)
        else:
            start = self._beginning + int(r() * (self._now - self._beginning))
        triggers = self._of(team.name)
        # a few are known to be bad
        trigger = triggers[int(r() ** 3 * len(triggers))]
        if r() < 0.03:
            self._flap(trigger, start)
            return
        length = max(int(math.exp(rng.gauss(3.2, 1.3)) * MINUTE * team.pace), 20)
        if r() < 0.12:
            length = 20 + int(r() * 4 * MINUTE)
        self._one(trigger, start, length)

    def _of(self, service: str) -> list[Trigger]:
        return [each for each in self._monitoring.triggers.values() if each.host.service == service]

    def _one(self, trigger: Trigger, start: int, length: int) -> None:
        """A problem with what people do about it."""
        r = self._rng.random
        problems = 1 + int(r() * 4) if trigger.is_multiple else 1
        for number in range(problems):
            late = start - 2 * HOUR if r() < 0.01 else start
            self._happen(start + number, self._begin, trigger, late + number, length, r())
        self._happen(start + length, self._recover, trigger)

    def _begin(self, _: int, trigger: Trigger, clock: int, length: int, dice: float) -> None:
        """People see the problem while it is open, mostly the bad ones."""
        event = self._monitoring.problem(trigger, clock)
        if event is None or dice > 0.25 + 0.12 * trigger.priority or length < 5 * MINUTE:
            return
        rng, r = self._rng, self._rng.random
        seen = event.clock + min(int(math.exp(rng.gauss(1.8, 1)) * MINUTE), length)
        message = MESSAGES[int(r() * len(MESSAGES))] if r() < 0.5 else ""
        severity = min(event.severity + 1, 5) if r() < 0.05 else None
        close = r() < 0.05
        if seen <= self._now:
            self._monitoring.acknowledge(
                event, message, at=seen, user=2 + int(r() * 4), severity=severity, close=close
            )

    def _recover(self, clock: int, trigger: Trigger) -> None:
        self._monitoring.recover(trigger, clock)

    def _flap(self, trigger: Trigger, start: int) -> None:
        for number in range(5 + int(self._rng.random() * 6)):
            self._one(trigger, start + number * 5 * MINUTE, 90)

    def _power_cut(self) -> None:
        """Every host of a rack goes at once."""
        r = self._rng.random
        with_inventory = [each for each in self._monitoring.hosts.values() if each.inventory]
        struck = self._rng.choice(with_inventory).inventory or {}
        start = self._beginning + int(r() * (self._now - self._beginning))
        length = int((0.5 + 5 * r()) * HOUR)
        for trigger in self._monitoring.triggers.values():
            place = trigger.host.inventory or {}
            same = all(place.get(key) == struck[key] for key in ("location", "site_rack"))
            if same and trigger.priority >= 4:
                self._one(trigger, start + int(r() * MINUTE), length)

    def _maintenances(self) -> None:
        """A night's work every other week; the last one is still on."""
        hosts = list(self._monitoring.hosts.values())
        week_seconds = 7 * DAY // 1000
        weeks = (self._now - self._beginning) // week_seconds
        for week in range(1, weeks, 2):
            start = self._beginning + week * week_seconds + 22 * HOUR
            part = [host for host in hosts if host.id % 4 == week % 4]
            self._happen(start, self._maintain, part, f"Работы, неделя {week}")
        last = self._now - 2 * HOUR
        self._happen(last, self._maintain, hosts[:4], "Замена питания")

    def _maintain(self, clock: int, hosts: list[Host], name: str) -> None:
        self._monitoring.maintain(hosts, name, clock, clock + 6 * HOUR)

    def _burn(self) -> None:
        """What is open now, some of it on hosts that are worked on."""
        triggers = list(self._monitoring.triggers.values())
        for trigger in (*self._rng.sample(triggers, 12), *triggers[:4]):
            start = self._now - int(self._rng.random() * 3 * DAY / 1000)
            self._one(trigger, start, 30 * DAY)

    def _lose_some(self) -> None:
        """A few problems whose trigger was deleted while they were open, and one switched off."""
        open_now = self._monitoring.open_problems()
        for event in open_now[::7][:3]:
            self._monitoring.delete_trigger(event.trigger)
        for event in self._still(open_now)[1::9][:1]:
            event.trigger.status = 1

    def _still(self, events: list[Event]) -> list[Event]:
        return [event for event in events if event.trigger.id in self._monitoring.triggers]

    def _happen(self, clock: int, change: Callable[..., Any], *arguments: Any) -> None:
        self._happenings.append((clock, len(self._happenings), change, arguments))
