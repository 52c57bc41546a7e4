"""Small tools of the contracts."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from spectra.ports.job_store import Page
from spectra.ports.result_store import ResultStore

__all__ = ["at_once", "everything", "everything_of", "idle", "read"]

T = TypeVar("T")


def everything(page: Callable[..., Page[T]], *args: Any, **asked: Any) -> list[T]:
    """All pages of a listing, one after the other; all but the last are full."""
    found: list[T] = []
    cursor = None
    for _ in range(10_000):
        got = page(*args, cursor=cursor, **asked)
        found += got.items
        cursor = got.next_cursor
        if cursor is None:
            return found
        assert len(got.items) == asked["limit"], "a page that is not the last is full"
    raise AssertionError("the listing does not end")


def at_once(calls: Sequence[Callable[[], T]]) -> list[T | Exception]:
    """What *calls* return or raise when as many threads make them together."""
    barrier = threading.Barrier(len(calls))

    def made(call: Callable[[], T]) -> T | Exception:
        barrier.wait(30)
        try:
            return call()
        except Exception as exc:
            return exc

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(made, calls))


def everything_of(page: Callable[..., Page[T]], **asked: Any) -> list[T]:
    """All pages of a listing whose pages may be of any size."""
    found: list[T] = []
    cursor = None
    for _ in range(10_000):
        got = page(cursor=cursor, **asked)
        found += got.items
        cursor = got.next_cursor
        if cursor is None:
            return found
    raise AssertionError("the listing does not end")


def idle(within: float) -> bool:
    """Whether the other threads of this process come to rest *within* so many seconds."""
    until = time.monotonic() + within
    while True:
        before = time.process_time() - time.thread_time()
        time.sleep(0.3)
        if time.process_time() - time.thread_time() - before < 0.02:
            return True
        if time.monotonic() > until:
            return False


def read(store: ResultStore, location: str, *, start: int = 0, length: int | None = None) -> bytes:
    """The object at *location*, from offset *start*, and no more than *length* bytes of it."""
    with store.open_read(location, start=start, length=length) as stream:
        return stream.read()
