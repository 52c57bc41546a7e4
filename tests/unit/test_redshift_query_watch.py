"""A query on Redshift that ends just as it is given up: the late cancel must not meet the next statement."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator, Sequence

import pytest

from spectra.adapters.aws.redshift import queries
from spectra.errors import SpectraError
from spectra.ports import Query


class _Connection:
    session_id = 7
    broken = False
    labelled = True
    in_transaction = False

    def __init__(self, told: list[str], cancelling: threading.Event) -> None:
        self._told = told
        self._cancelling = cancelling

    def run(self, sql: str) -> list[object]:
        return []

    def transaction(self, statements: Sequence[str], check: Callable[[], None]) -> list[object]:
        assert self._cancelling.wait(10)
        return [([("a", 23)], [(1,)]) for _ in statements]

    def abandon(self) -> None:
        self.broken = True
        self._told.append("abandoned")


@pytest.mark.parametrize("hangs", [False, True])
def test_the_connection_goes_back_after_the_cancel(hangs: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queries, "_GRACE", 0.2)
    told: list[str] = []
    cancelling, go = threading.Event(), threading.Event()

    def cancel(session_id: int) -> None:
        cancelling.set()
        go.wait(10 if hangs else 0.1)
        told.append("cancelled")

    connection = _Connection(told, cancelling)

    class Connections:
        @contextlib.contextmanager
        def lend(self, *_: object, **__: object) -> Iterator[_Connection]:
            yield connection
            told.append("given back")

    query = Query(tenant_id="acme", sql="select 1 as a", limit=1, timeout=0.05, query_id="q")
    with contextlib.suppress(SpectraError):
        queries.Queries(Connections(), cancel).run(query)  # type: ignore[arg-type]
    assert connection.broken
    assert told.index("given back") > told.index("abandoned" if hangs else "cancelled")
    go.set()
