"""Clients of S3, one for each process."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable
from typing import Any

from spectra.adapters.aws.s3.errors import watch
from spectra.errors import ClosedError, MissingExtraError

__all__ = ["Clients"]


class Clients:
    """Makes a client on first use, and again after a fork; a ready one is used as it is."""

    def __init__(self, client: Any | Callable[[], Any] | None) -> None:
        self._given = client
        self._made: dict[int, Any] = {}
        self._lock = threading.Lock()
        self.closed = False

    def client(self) -> Any:
        """The client of this process.

        Raises:
            ClosedError: after `close`.
        """
        if self.closed:
            raise ClosedError("the result store")
        with self._lock:
            process = os.getpid()
            if process not in self._made:
                self._made = {process: self._new()}
                watch(self._made[process])
            return self._made[process]

    def _new(self) -> Any:
        if self._given is not None:
            return self._given() if callable(self._given) else self._given
        try:
            import boto3
            from botocore.config import Config
        except ModuleNotFoundError as exc:
            raise MissingExtraError("aws", exc.name or "") from exc
        # Without a version asked for, links into some regions are signed with the old one.
        config = Config(signature_version="s3v4", retries={"mode": "standard"})
        return boto3.Session().client("s3", config=config)

    def close(self) -> None:
        """Close what was made here; idempotent."""
        self.closed = True
        made, self._made = self._made, {}
        if self._given is None or callable(self._given):
            for client in made.values():
                with contextlib.suppress(Exception):
                    client.close()
