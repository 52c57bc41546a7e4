"""The guard on a typical statement of 500 characters, in milliseconds, in each dialect of a runner."""

from __future__ import annotations

import time

from spectra.sql import SqlPolicy, check_read

ROUNDS = 300
SQL = """
WITH monthly AS (
  SELECT date_trunc('month', o.ordered_at) AS month, c.region, sum(o.amount * (1 - o.discount)) AS revenue,
         count(DISTINCT o.customer_id) AS customers
  FROM sales.orders o JOIN sales.customers c ON c.id = o.customer_id
  WHERE o.ordered_at >= :since AND o.status IN ('paid', 'shipped') AND c.name <> 'O''Neil; -- x'
  GROUP BY 1, 2
)
SELECT month, region, revenue::decimal(12, 2), rank() OVER (PARTITION BY month ORDER BY revenue DESC)
FROM monthly WHERE revenue > 1000 ORDER BY month, revenue LIMIT 100
""".strip()
POLICY = SqlPolicy(schemas={"sales"}, functions={"date_trunc"})


def run() -> list[tuple[str, float, float]]:
    """The least time of each: what is left when nothing disturbs."""
    assert 450 < len(SQL) < 550
    return [(f"{dialect}, milliseconds", _least(dialect), 2.0) for dialect in ("redshift", "duckdb")]


def _least(dialect: str) -> float:
    times = []
    for _ in range(ROUNDS):
        begun = time.perf_counter()
        check_read(SQL, {"since": "2025-01-01"}, dialect=dialect, policy=POLICY)
        times.append(time.perf_counter() - begun)
    return min(times) * 1000
