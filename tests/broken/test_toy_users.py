"""The toy whose session is left behind in the broken adapters keeps every promise where it is not."""

from __future__ import annotations

from spectra.testing import ExecutorContract, QueryRunnerContract
from tests.broken.local import ToyUsers, WithUsers, on_duckdb


class TestToyUsers(ExecutorContract, QueryRunnerContract):
    profile = "slow"
    quiet = True
    harness = on_duckdb(ToyUsers, WithUsers)
