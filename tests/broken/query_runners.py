"""Query runners that each break EX8 in one way; `test_broken_adapters.py` sees to it that each is caught."""

from __future__ import annotations

import threading
import time
from concurrent.futures import Future
from decimal import Decimal

import attrs

from spectra.adapters.embedded import DuckDBExecutor
from spectra.adapters.memory import MemoryExecutor
from spectra.errors import QueryTimeoutError
from spectra.testing import QueryRunnerContract
from tests.broken.local import SessionLeft, WithUsers, on_duckdb, on_memory

# ---- on DuckDB ------------------------------------------------------------------------------------


class OneRowMore(DuckDBExecutor):
    """The row that tells whether there are more is given away."""

    def query(self, query, /):
        return super().query(attrs.evolve(query, limit=query.limit + 1))


class TestOneRowMore(QueryRunnerContract):
    breaks = "EX8"
    harness = on_duckdb(OneRowMore)


class TimeoutOfItsOwn(DuckDBExecutor):
    """A timeout for all, whatever the query says."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self._asking = threading.Lock()

    def query(self, query, /):
        with self._asking:
            return super().query(attrs.evolve(query, timeout=3))

    def close(self):
        with self._asking:  # DuckDB cannot be closed under a statement, which the contract has given up
            super().close()


class TestTimeoutOfItsOwn(QueryRunnerContract):
    breaks = "EX8"
    harness = on_duckdb(TimeoutOfItsOwn)


class TheStatementGoesOn(DuckDBExecutor):
    """Nobody waits for it any more, and nobody ends it, for three seconds."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self._asking = []

    def query(self, query, /):
        if query.timeout > 5:
            return super().query(query)
        told, ask = Future(), super().query

        def run():
            try:
                told.set_result(ask(attrs.evolve(query, timeout=3)))
            except Exception as exc:
                told.set_exception(exc)

        self._asking.append(threading.Thread(target=run, daemon=True))
        self._asking[-1].start()
        try:
            return told.result(query.timeout)
        except TimeoutError:
            raise QueryTimeoutError(query.query_id, query.timeout) from None

    def close(self):
        for thread in self._asking:
            thread.join()
        super().close()


class TestTheStatementGoesOn(QueryRunnerContract):
    breaks = "EX8"
    harness = on_duckdb(TheStatementGoesOn)


class NoColumnsWhenEmpty(DuckDBExecutor):
    """The columns are read off the first row."""

    def query(self, query, /):
        result = super().query(query)
        return result if result.rows else attrs.evolve(result, columns=())


class TestNoColumnsWhenEmpty(QueryRunnerContract):
    breaks = "EX8"
    harness = on_duckdb(NoColumnsWhenEmpty)


class TestSessionLeft(QueryRunnerContract):
    breaks = "EX8"
    harness = on_duckdb(SessionLeft, WithUsers)


# ---- in memory ------------------------------------------------------------------------------------


class NeverTruncated(MemoryExecutor):
    """Says that what it returns is everything."""

    def query(self, query, /):
        return attrs.evolve(super().query(query), truncated=False)


class TestNeverTruncated(QueryRunnerContract):
    breaks = "EX8"
    harness = on_memory(NeverTruncated)


class TruncatedWhenFull(MemoryExecutor):
    """As many rows as the limit are taken for too many."""

    def query(self, query, /):
        result = super().query(query)
        return attrs.evolve(result, truncated=len(result.rows) == query.limit)


class TestTruncatedWhenFull(QueryRunnerContract):
    breaks = "EX8"
    harness = on_memory(TruncatedWhenFull)


class ParametersInTheText(MemoryExecutor):
    """Values are written where the parameters stand, between quotes or as they are."""

    def query(self, query, /):
        sql = query.sql
        for name, value in query.parameters.items():
            text = "null" if value is None else f"'{value}'" if isinstance(value, str) else str(value)
            sql = sql.replace(f":{name}", text)
        return super().query(attrs.evolve(query, sql=sql, parameters={}))


class TestParametersInTheText(QueryRunnerContract):
    breaks = "EX8"
    harness = on_memory(ParametersInTheText)


class NumbersAsTexts(DuckDBExecutor):
    """Sends what is exact in JSON only as a text as a text."""

    def query(self, query, /):
        texts = {
            name: str(value) if isinstance(value, Decimal) else value
            for name, value in query.parameters.items()
        }
        return super().query(attrs.evolve(query, parameters=texts))


class TestNumbersAsTexts(QueryRunnerContract):
    breaks = "EX8"
    harness = on_duckdb(NumbersAsTexts)


class OneQueryAtATime(MemoryExecutor):
    """What is being asked is kept with the executor."""

    def query(self, query, /):
        self._asked = query
        time.sleep(0.01)
        return super().query(self._asked)


class TestOneQueryAtATime(QueryRunnerContract):
    breaks = "EX8"
    harness = on_memory(OneQueryAtATime)


class RowsAreDicts(MemoryExecutor):
    """Rows by the names of their columns."""

    def query(self, query, /):
        result = super().query(query)
        names = [column.name for column in result.columns]
        return attrs.evolve(result, rows=tuple(dict(zip(names, row, strict=True)) for row in result.rows))


class TestRowsAreDicts(QueryRunnerContract):
    breaks = "EX8"
    harness = on_memory(RowsAreDicts)


class UsableAfterClose(MemoryExecutor):
    """`close` is left to the garbage collector."""

    def close(self):
        pass

    def __exit__(self, *_):
        super().close()


class TestUsableAfterClose(QueryRunnerContract):
    breaks = "EX8"
    harness = on_memory(UsableAfterClose)
