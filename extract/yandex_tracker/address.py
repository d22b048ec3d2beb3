"""Where a Yandex.Tracker stands: the address as the operator wrote it, and as it is used."""

from extract import address

VENDOR = "https://api.tracker.yandex.net"
# where people see what the vendor's API tells
SITE = "https://tracker.yandex.ru"


def normalise_url(url: str) -> str:
    """The base address of the API, without its version; raises ValueError as `extract.address`."""
    return address.normalise_url(address.normalise_url(url, "/v2"), "/v3")


def identity(url: str, organisation: str) -> str:
    """Whose data it is: one address serves every organisation."""
    return f"{normalise_url(url).split('://', 1)[1]}/{organisation}"
