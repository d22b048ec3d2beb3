"""Where a source stands: the address as the operator wrote it, and as it is used."""

from urllib.parse import urlsplit

LOOPBACK = ("localhost", "127.0.0.1", "::1")
_DEFAULT_PORTS = {"http": 80, "https": 443}


def normalise_url(url: str, api_path: str = "") -> str:
    """The base address of a source, without its `api_path` and without a trailing slash.

    Raises ValueError with a sentence for the operator; the sentence never repeats the address,
    which may hold a password.
    """
    parts = urlsplit(url.strip())
    if parts.scheme not in _DEFAULT_PORTS:
        raise ValueError("an address starts with https:// (or http://)")
    try:
        host, port = parts.hostname, parts.port
    except ValueError:
        raise ValueError("the port of the address is no number") from None
    if not host:
        raise ValueError("the address names no host")
    if parts.username or parts.password:
        raise ValueError("the address must not hold a user name or a password")
    if parts.query or parts.fragment:
        raise ValueError("the address ends before any ? or #")
    path = parts.path.rstrip("/")
    path = path.removesuffix(api_path).rstrip("/")
    host = f"[{host}]" if ":" in host else host
    port_text = f":{port}" if port and port != _DEFAULT_PORTS[parts.scheme] else ""
    return f"{parts.scheme}://{host}{port_text}{path}"


def is_same_host(one: str, other: str) -> bool:
    """Whether two identities differ in their port at most."""
    parts = [urlsplit(f"//{each}") for each in (one, other)]
    return parts[0].hostname == parts[1].hostname and parts[0].path == parts[1].path


def is_unprotected(url: str) -> bool:
    """Whether the token would travel in the clear: plain http off loopback."""
    parts = urlsplit(url)
    return parts.scheme == "http" and parts.hostname not in LOOPBACK
