"""10,000 rows from the warehouse to JSON bytes, against the driver's own fetch of the same statement."""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from statistics import median
from typing import Any

from spectra import Caller, Spectra
from spectra.adapters.aws.redshift import RedshiftExecutor
from spectra.adapters.aws.s3 import S3ResultStore
from spectra.adapters.embedded import DuckDBExecutor
from spectra.adapters.memory import MemoryJobStore
from spectra.codec import query_json
from spectra.testing.redshift import LocalRedshift
from spectra.testing.s3 import LocalS3

ROWS = 10_000
ROUNDS = 15
ME = Caller("acme")
COLUMNS = (
    "n::bigint as id, n % 500 as store, 'customer ' || n % 977 as customer, (n * 7919 % 100000 / 100.0)::numeric(12,2) as amount,"
    " n / 7.0::float8 as ratio, n % 3 = 0 as active, date '2026-01-01' + (n % 365)::int as day,"
    " timestamp '2026-01-01 00:00:00' + n * interval '1 second' as sold_at"
)
STATEMENT = (
    f"select id, store, customer, amount, ratio, active, day, sold_at from sales order by id limit {ROWS}"
)


def run() -> list[tuple[str, float, float]]:
    """Interleaved medians."""
    return [
        ("the driver's fetch, Redshift", _redshift(), 1.2),
        ("the driver's fetch, DuckDB", _duckdb(), 1.2),
    ]


def _redshift() -> float:
    import redshift_connector

    with LocalS3() as s3, LocalRedshift(s3.client()) as redshift:
        redshift.run(f"CREATE TABLE sales AS SELECT {COLUMNS} FROM generate_series(1, {2 * ROWS}) n")
        results = S3ResultStore("unused", client=s3.client)
        with (
            RedshiftExecutor(results, redshift.parameters) as executor,
            redshift_connector.connect(**redshift.parameters) as connection,
        ):
            spectra = Spectra(
                job_store=MemoryJobStore(), executor=executor, result_store=results, query_runner=executor
            )
            cursor = connection.cursor()

            def bare() -> Any:
                cursor.execute(STATEMENT)
                return cursor.fetchall()

            return _ratio("redshift", spectra, bare)


def _duckdb() -> float:
    with tempfile.TemporaryDirectory() as home, Spectra.embedded(home) as spectra:
        assert isinstance(spectra.executor, DuckDBExecutor)
        with closing(spectra.executor.connect()) as connection:
            connection.execute(
                f"CREATE TABLE sales AS SELECT {COLUMNS} FROM generate_series(1, {2 * ROWS}) g(n)"
            )
            return _ratio("duckdb", spectra, lambda: connection.execute(STATEMENT).fetchall())


def _ratio(name: str, spectra: Spectra, bare: Callable[[], Any]) -> float:
    def ours() -> bytes:
        return query_json(spectra.queries.run(ME, STATEMENT))

    assert len(bare()) == ROWS
    assert ours().count(b'"id"') == ROWS + 1
    times: tuple[list[float], list[float]] = ([], [])
    for number in range(ROUNDS):
        for which in (0, 1) if number % 2 else (1, 0):
            begun = time.perf_counter()
            (ours, bare)[which]()
            times[which].append(time.perf_counter() - begun)
    print(name, *(f"{median(taken) * 1000:.1f} ms" for taken in times), file=sys.stderr)
    return median(times[0]) / median(times[1])


if __name__ == "__main__":
    for line in run():
        print(line)
