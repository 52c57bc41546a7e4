"""boto3's clients: made on first use, one for each process."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable
from typing import Any

from spectra.errors import ClosedError, MissingExtraError

__all__ = ["Clients", "new_client"]


class Clients:
    """Gives each process a client of its own: two must not share connections.

    *client* makes one, on first use and again after a fork; a ready one is used as it is, and is its
    giver's to close. *owner* is named by the error after `close`.
    """

    def __init__(self, client: Any | Callable[[], Any], *, owner: str) -> None:
        self._given = client
        self._makes = callable(client)
        self._owner = owner
        self._made: dict[int, Any] = {}
        self._locks: dict[int, threading.Lock] = {}
        self._closed = False

    def client(self) -> Any:
        """The client of this process.

        Raises:
            ClosedError: after `close`.
        """
        self.check_open()
        process = os.getpid()
        made = self._made.get(process)
        if made is None:
            # A lock for each process: a fork may happen while another thread holds this one's.
            with self._locks.setdefault(process, threading.Lock()):
                made = self._made.get(process)
                if made is None:
                    made = self._given() if self._makes else self._given
                    self._made = {process: made}
        return made

    @property
    def closed(self) -> bool:
        """Whether `close` was called."""
        return self._closed

    def check_open(self) -> None:
        """Refuse what comes after `close`.

        Raises:
            ClosedError: it is closed.
        """
        if self._closed:
            raise ClosedError(self._owner)

    def close(self) -> None:
        """Close the client that was made here, if it was made by this process; idempotent."""
        self._closed = True
        made, self._made = self._made.get(os.getpid()), {}
        if self._makes and made is not None:
            with contextlib.suppress(Exception):
                made.close()


def new_client(service: str, region: str | None = None, endpoint: str | None = None, **config: Any) -> Any:
    """A client of boto3; *config* is that of its ``Config``.

    Raises:
        MissingExtraError: boto3 is not installed.
    """
    try:
        import boto3
        from botocore.config import Config
    except ModuleNotFoundError as exc:
        raise MissingExtraError("aws", exc.name or "") from exc
    # A session of its own: boto3's default one must not make clients in two threads at once.
    return boto3.Session().client(
        service, region_name=region, endpoint_url=endpoint, config=Config(**config) if config else None
    )
