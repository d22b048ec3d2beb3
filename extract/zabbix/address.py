"""Where a Zabbix stands: the address as the operator wrote it, and as it is used."""

from extract import address

API = "/api_jsonrpc.php"


def normalise_url(url: str) -> str:
    """The address of the frontend, without its API; raises ValueError as `extract.address`."""
    return address.normalise_url(address.normalise_url(url, API), "/index.php")


def identity(url: str) -> str:
    """Whose data it is: the same over http and https."""
    return normalise_url(url).split("://", 1)[1]
