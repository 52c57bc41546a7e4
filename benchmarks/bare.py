"""A client's own calls, recorded where one of our adapters makes them, to be made again without it."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any


class Recorder:
    """Stands before a client and keeps what is asked of it."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self.meta = client.meta
        self.calls: list[tuple[str, tuple[Any, ...], dict[str, Any]]] = []

    def __getattr__(self, name: str) -> Any:
        real = getattr(self._client, name)
        if name.startswith("_"):
            return real

        def call(*args: Any, **asked: Any) -> Any:
            self.calls.append((name, args, asked))
            return real(*args, **asked)

        return call


def timed(call: Callable[[], Any]) -> tuple[float, Any]:
    begun = time.perf_counter()
    answer = call()
    return time.perf_counter() - begun, answer
