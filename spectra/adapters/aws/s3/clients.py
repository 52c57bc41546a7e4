"""Clients of S3."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from spectra.adapters.aws import clients
from spectra.adapters.aws.s3.errors import watch

__all__ = ["clients_of", "new_client"]


def new_client(region: str | None = None, endpoint: str | None = None) -> Any:
    """A client that signs with version 4; an endpoint of one's own is spoken to by path.

    Without a version asked for, links into some regions are signed with the old one. An endpoint of
    one's own has no names below it.
    """
    config: dict[str, Any] = {"signature_version": "s3v4", "retries": {"mode": "standard"}}
    if endpoint is not None:
        config["s3"] = {"addressing_style": "path"}
    return clients.new_client("s3", region, endpoint, **config)


def clients_of(given: Any | Callable[[], Any] | None) -> clients.Clients:
    """Clients as *given*, or as `new_client` makes them, whose every try is seen."""
    made = new_client if given is None else given

    def watched() -> Any:
        client = made()
        watch(client)
        return client

    if callable(made):
        return clients.Clients(watched, owner="the result store")
    watch(made)
    return clients.Clients(made, owner="the result store")
