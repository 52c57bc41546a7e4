"""Both stores keep the promises; and a machine drives each beside a dict."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from spectra.adapters.embedded import SQLiteJobStore
from spectra.adapters.memory import MemoryJobStore
from spectra.ports.job_store import JobStore

from .job_store_contract import JobStoreContract
from .job_store_jobs import ManualClock
from .job_store_machine import JobStoreMachine


class TestMemoryJobStore(JobStoreContract):
    @pytest.fixture
    def store(self, clock: ManualClock) -> Iterator[JobStore]:
        with MemoryJobStore(clock=clock) as store:
            yield store


class TestSQLiteJobStore(JobStoreContract):
    @pytest.fixture
    def store(self, clock: ManualClock, tmp_path: Path) -> Iterator[JobStore]:
        with SQLiteJobStore(tmp_path / "made" / "jobs.db", clock=clock) as store:
            yield store


class MemoryMachine(JobStoreMachine):
    def make_store(self, clock: ManualClock) -> JobStore:
        return MemoryJobStore(clock=clock)


class SQLiteMachine(JobStoreMachine):
    def make_store(self, clock: ManualClock) -> JobStore:
        self.folder = tempfile.TemporaryDirectory()
        return SQLiteJobStore(Path(self.folder.name, "jobs.db"), clock=clock)

    def teardown(self) -> None:
        super().teardown()
        self.folder.cleanup()


TestMemoryMachine = MemoryMachine.TestCase
TestSQLiteMachine = SQLiteMachine.TestCase
TestMemoryMachine.settings = TestSQLiteMachine.settings = settings(stateful_step_count=60)
