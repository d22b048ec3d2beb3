"""Where a YouTrack stands: the address as the operator wrote it, and as it is used."""

from extract import address


def normalise_url(url: str) -> str:
    """The base address of a YouTrack, without `/api`; raises ValueError as `extract.address`."""
    return address.normalise_url(url, "/api")


def bases(url: str) -> tuple[str, ...]:
    """The addresses under which the API may stand, the given one first.

    YouTrack lives at the root of its host or under `/youtrack`, and people copy either form.
    """
    other = url.removesuffix("/youtrack") if url.endswith("/youtrack") else f"{url}/youtrack"
    return (url, other)


def identity(url: str) -> str:
    """What two spellings of one YouTrack's address have in common.

    Moving from http to https, or leaving out `/youtrack`, is no other YouTrack.
    """
    return normalise_url(url).split("://", 1)[1].removesuffix("/youtrack")
