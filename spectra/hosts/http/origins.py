"""Changes that a browser sends from another site's page; refusing them needs no token and no state."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Final

from spectra.errors import CrossOriginError, InvalidSettingsError
from spectra.hosts.http.messages import Request

__all__ = ["check_origin", "is_origin", "trusted"]

_ORIGIN: Final = re.compile(r"([a-z][a-z0-9+.-]*)://([a-z0-9._-]+|\[[0-9a-f:.]+\])(?::([0-9]{1,5}))?")
_PORTS: Final = {"http": "80", "https": "443"}


def is_origin(text: object) -> bool:
    """Whether browsers say such a text of a page: scheme, host, perhaps a port, and nothing else."""
    return _origin(text) is not None


def trusted(origins: Collection[str]) -> frozenset[str]:
    """*origins* as browsers spell them.

    Raises:
        TypeError: it is one text.
        InvalidSettingsError: one is none that a browser ever sends, or is ``null``, which any page can be.
    """
    if isinstance(origins, str):
        raise TypeError("trusted_origins must be a collection of origins, not one text")
    found = set()
    for said in origins:
        origin = _origin(said)
        if origin is None:
            why = f"{said!r} is no origin such as https://app.example.com: no path, no wildcard, no null"
            raise InvalidSettingsError("trusted_origins", why)
        found.add(origin)
    return frozenset(found)


def check_origin(request: Request, trusted: frozenset[str]) -> None:
    """Refuse a change that a browser sent from another site's page.

    Browsers say with each request which site's page sends it: ``Sec-Fetch-Site``, and of a change also
    ``Origin``. Programs that are no browsers send neither, and have no cookies of somebody else.

    Raises:
        CrossOriginError: the page's origin is neither this host's nor among *trusted*.
    """
    if request.method in ("GET", "HEAD", "OPTIONS"):
        return
    site, said = request.header("sec-fetch-site"), request.header("origin")
    origin = _origin(said)
    if site in ("same-origin", "none") or (origin is not None and origin in trusted):
        return
    if site is None and (said is None or (origin is not None and origin in _own(request, origin))):
        return
    raise CrossOriginError(str(said)[:256])


def _origin(text: object) -> str | None:
    """As browsers spell it: in lower case, without the port that goes without saying."""
    found = _ORIGIN.fullmatch(text.lower().removesuffix("/")) if isinstance(text, str) else None
    if found is None:
        return None
    scheme, host, port = found.groups()
    return f"{scheme}://{host}" if port in (None, _PORTS.get(scheme)) else f"{scheme}://{host}:{port}"


def _own(request: Request, origin: str) -> tuple[str | None, str | None]:
    # Proxies that end TLS leave no trace of the scheme; of the page's, the host and port must be ours.
    scheme = origin.partition("://")[0]
    public = "/".join(request.base_url.split("/", 3)[:3])
    return _origin(f"{scheme}://{request.header('host') or ''}"), _origin(public)
