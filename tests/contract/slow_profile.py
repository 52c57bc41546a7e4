"""The contracts with the slow profile, counting calls: `test_slow_profile.py` runs it in a process of its own."""

from __future__ import annotations

import collections
import json
import os

import pytest

from spectra.adapters.memory import MemoryExecutor, MemoryResultStore
from spectra.ports import Executor, QueryRunner
from spectra.testing import ExecutorContract, QueryRunnerContract
from tests.contract.test_executors import LocalHarness

CALLS = collections.Counter()


class Counting(Executor, QueryRunner):
    """Counts what is asked of a `MemoryExecutor`, but for `check` and `detached`, which do no I/O."""

    schemes = MemoryExecutor.schemes
    dialect = MemoryExecutor.dialect

    def __init__(self, inner):
        self.inner = inner

    def connect(self):
        return self.inner.connect()

    def check(self, spec, session, /):
        self.inner.check(spec, session)

    def detached(self, task, /):
        return self.inner.detached(task)

    def _counted(self, name, *args, **kwargs):
        CALLS[name] += 1
        return getattr(self.inner, name)(*args, **kwargs)

    def ready(self):
        self._counted("ready")

    def start(self, task, /):
        return self._counted("start", task)

    def poll(self, task, /, *, wait=0):
        return self._counted("poll", task, wait=wait)

    def cancel(self, task, /, *, close_ledger=True):
        return self._counted("cancel", task, close_ledger=close_ledger)

    def forget(self, tenant_id, job_id, /):
        self._counted("forget", tenant_id, job_id)

    def known(self, *, older_than, cursor=None):
        return self._counted("known", older_than=older_than, cursor=cursor)

    def query(self, query, /):
        return self._counted("query", query)

    def close(self):
        self._counted("close")


class TestCounted(ExecutorContract, QueryRunnerContract):
    profile = "slow"

    @pytest.fixture
    def harness(self):
        # The contract's own calls are counted, so what this fixture closes is the inner one.
        with MemoryResultStore() as results, MemoryExecutor(results) as executor:
            yield LocalHarness(Counting(executor), results)


@pytest.fixture(scope="module", autouse=True)
def told():
    yield
    if path := os.environ.get("SPECTRA_CALLS"):
        with open(path, "w") as file:
            json.dump(CALLS, file)
