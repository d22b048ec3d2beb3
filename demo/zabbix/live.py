"""What goes on in the simulated Zabbix while somebody looks: it begins, is taken, ends."""

from __future__ import annotations

import random
import threading
import time

from demo.zabbix.monitoring import Event, Monitoring, Trigger
from demo.zabbix.server import Server
from demo.zabbix.story import MESSAGES

# of a person who looks: what he writes comes from user 7
VIEWER_TOKEN = "fedcba9876543210" * 4  # noqa: S105 - of a simulated server on loopback
VIEWER = 7

SECONDS = 4
# about so many are open at a time
USUALLY_OPEN = 24


def begin(server: Server) -> None:
    """Let things happen from now on, in a thread of their own."""
    server.viewers[VIEWER_TOKEN] = VIEWER
    rng = random.Random()

    def go_on() -> None:
        while not server.stopping.wait(SECONDS):
            server.tracker.advance(max(server.tracker.now, int(time.time() * 1000)))
            happen(server.monitoring, rng)

    threading.Thread(target=go_on, daemon=True, name="live").start()


def happen(monitoring: Monitoring, rng: random.Random) -> None:
    """One thing: an incident begins, is taken, is spoken of or ends."""
    with monitoring.lock:
        burning = monitoring.open_problems()
        free = [event for event in burning if not event.is_acknowledged]
        if rng.random() < 0.03:
            _power_cut(monitoring, rng)
        elif len(burning) < USUALLY_OPEN * 2 * rng.random():
            _begin_one(monitoring, rng.choice(list(monitoring.triggers.values())))
        elif free and rng.random() < 0.5:
            _take(monitoring, rng, rng.choice(free))
        elif burning:
            monitoring.recover(rng.choice(burning).trigger)


def _begin_one(monitoring: Monitoring, trigger: Trigger) -> None:
    if trigger.status == 0:
        monitoring.problem(trigger)


def _take(monitoring: Monitoring, rng: random.Random, event: Event) -> None:
    message = rng.choice(MESSAGES[:4]) if rng.random() < 0.7 else ""
    monitoring.acknowledge(event, message, user=2 + rng.randrange(4))


def _power_cut(monitoring: Monitoring, rng: random.Random) -> None:
    """The hosts of one rack, all at once."""
    placed = [host for host in monitoring.hosts.values() if host.inventory]
    where = rng.choice(placed).inventory or {}
    place = (where.get("location"), where.get("site_rack"))
    for trigger in list(monitoring.triggers.values()):
        held = trigger.host.inventory or {}
        if trigger.priority >= 4 and (held.get("location"), held.get("site_rack")) == place:
            _begin_one(monitoring, trigger)
