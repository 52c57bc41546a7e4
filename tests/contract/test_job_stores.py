"""The job stores keep the promises."""

from __future__ import annotations

from collections import defaultdict

import pytest

from spectra.adapters.aws.dynamodb import DynamoDBJobStore, queue
from spectra.adapters.embedded import SQLiteJobStore
from spectra.adapters.memory import MemoryJobs, MemoryJobStore
from spectra.testing import JobStoreContract


class TestMemoryJobStore(JobStoreContract):
    @pytest.fixture
    def open_store(self):
        kept = defaultdict(MemoryJobs)
        return lambda namespace, clock: MemoryJobStore(kept[namespace], clock=clock)


class TestSQLiteJobStore(JobStoreContract):
    @pytest.fixture
    def open_store(self, tmp_path):
        return lambda namespace, clock: SQLiteJobStore(tmp_path / namespace / "jobs.db", clock=clock)


class TestDynamoDBJobStore(JobStoreContract):
    examples = 15  # each makes a table

    @pytest.fixture
    def open_store(self, dynamodb_table):
        return lambda namespace, clock: DynamoDBJobStore(
            dynamodb_table(namespace), client=dynamodb_table.client, clock=clock
        )


class TestDynamoDBJobStoreOfManyJobs(TestDynamoDBJobStore):
    """The index looks too large to be read whole."""

    examples = 5  # each look at what is due is some thirty calls

    @pytest.fixture(autouse=True)
    def _large(self, monkeypatch):
        monkeypatch.setattr(queue, "_FEW", 1)
