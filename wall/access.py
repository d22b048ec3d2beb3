"""Who comes in, whose request is heard, and how often: nothing of it trusts a browser's word."""

from __future__ import annotations

import hashlib
import hmac
import threading
import time
from collections import deque
from urllib.parse import urlsplit

from flask import Request, session

from wall.settings import WallSettings

# of a television nobody signs in every morning
SESSION_DAYS = 30
LONGEST_NAME = 100

POLICY = "; ".join(
    (
        "default-src 'none'", "script-src 'self'", "style-src 'self'", "connect-src 'self'",
        "img-src 'self'", "base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'",
    )
)  # fmt: skip
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "X-Frame-Options": "DENY",
}

# asked only by the page's own script: another site's form cannot send it
OWN_HEADER = "X-Wall"


def session_key(settings: WallSettings) -> bytes:
    """What sessions are signed with: another password ends them all, a restart ends none."""
    password = settings.wall_password.get_secret_value() if settings.wall_password else ""
    # slow on purpose: who holds a session must not be able to guess the password from it
    return hashlib.scrypt(password.encode(), salt=b"wall sessions", n=1 << 14, r=8, p=1)


class Door:
    """Lets people in, by the one way that the settings open."""

    def __init__(self, settings: WallSettings) -> None:
        self._settings = settings

    @property
    def has_password(self) -> bool:
        return self._settings.wall_password is not None

    def is_right(self, password: object) -> bool:
        """Whether this is the password, compared in constant time."""
        secret = self._settings.wall_password
        if secret is None or not isinstance(password, str):
            return False
        return hmac.compare_digest(password.encode(), secret.get_secret_value().encode())

    def visitor(self, request: Request) -> str | None:
        """Who asks: the proxy's name for him, '' where names are not asked for; None: nobody."""
        header = self._settings.wall_user_header
        if header:
            return request.headers.get(header, "").strip()[:LONGEST_NAME] or None
        if self.has_password:
            return "" if session.get("is_in") else None
        return ""

    def is_expected_host(self, request: Request) -> bool:
        """Without a sign-in, a page elsewhere could reach us by a name of its own (rebinding)."""
        if self.has_password or self._settings.wall_user_header:
            return True
        name = urlsplit(f"//{request.host}").hostname
        return name in {"localhost", "127.0.0.1", "::1", self._settings.wall_host}


def is_own(request: Request) -> bool:
    """Whether a request that changes something comes from our own page."""
    if request.headers.get(OWN_HEADER) != "1" or not request.is_json:
        return False
    site = request.headers.get("Sec-Fetch-Site")
    if site is not None:
        return site == "same-origin"
    # browsers send the other one over https and to this machine only
    origin = request.headers.get("Origin")
    return origin is not None and urlsplit(origin).netloc == request.host


class Budget:
    """So many in so many seconds, for each one who asks."""

    def __init__(self, most: int, seconds: float, *, most_keys: int = 10_000) -> None:
        self._most = most
        self._seconds = seconds
        self._most_keys = most_keys
        self._moments: dict[str, deque[float]] = {}
        self._counting = threading.Lock()

    def allows(self, key: str) -> bool:
        """Count one more; whether it is within the budget."""
        now = time.monotonic()
        with self._counting:
            if key not in self._moments and len(self._moments) >= self._most_keys:
                self._forget(now)
            moments = self._moments.setdefault(key, deque(maxlen=self._most))
            if len(moments) == self._most and now - moments[0] < self._seconds:
                return False
            moments.append(now)
            return True

    def _forget(self, now: float) -> None:
        kept = {
            key: moments
            for key, moments in self._moments.items()
            if moments and now - moments[-1] < self._seconds
        }
        self._moments = kept if len(kept) < self._most_keys else {}
