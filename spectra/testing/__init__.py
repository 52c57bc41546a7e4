"""For the tests of those who embed Spectra, and of those who write adapters.

`ManualClock`, `CountingIds` and the fault wrappers need nothing else. The contracts need pytest and
Hypothesis, machines and strategies Hypothesis: ``pip install 'redshift-spectra[testing]'``. Each is
loaded on first use; what is not installed raises `MissingExtraError`.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from spectra.errors import MissingExtraError
from spectra.testing.clock import START, ManualClock
from spectra.testing.faults import (
    Faults,
    FaultyExecutor,
    FaultyJobStore,
    FaultyQueryRunner,
    FaultyResultStore,
)
from spectra.testing.ids import CountingIds

if TYPE_CHECKING:
    from spectra.testing.contracts.contract import Lack
    from spectra.testing.contracts.executor import ExecutorContract, QueryRunnerContract
    from spectra.testing.contracts.executor_harness import ExecutorHarness
    from spectra.testing.contracts.job_store import JobStoreContract
    from spectra.testing.contracts.result_store import ResultStoreContract
    from spectra.testing.contracts.result_store_harness import HostedHarness, ResultStoreHarness
    from spectra.testing.machines.job import JobMachine
    from spectra.testing.machines.job_store import JobStoreMachine
    from spectra.testing.machines.result_store import ResultStoreMachine

__all__ = [
    "START",
    "CountingIds",
    "ExecutorContract",
    "ExecutorHarness",
    "Faults",
    "FaultyExecutor",
    "FaultyJobStore",
    "FaultyQueryRunner",
    "FaultyResultStore",
    "HostedHarness",
    "JobMachine",
    "JobStoreContract",
    "JobStoreMachine",
    "Lack",
    "ManualClock",
    "QueryRunnerContract",
    "ResultStoreContract",
    "ResultStoreHarness",
    "ResultStoreMachine",
]

_HOMES = {
    "ExecutorContract": "contracts.executor",
    "ExecutorHarness": "contracts.executor_harness",
    "QueryRunnerContract": "contracts.executor",
    "HostedHarness": "contracts.result_store_harness",
    "JobMachine": "machines.job",
    "JobStoreContract": "contracts.job_store",
    "JobStoreMachine": "machines.job_store",
    "Lack": "contracts.contract",
    "ResultStoreContract": "contracts.result_store",
    "ResultStoreHarness": "contracts.result_store_harness",
    "ResultStoreMachine": "machines.result_store",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        module = importlib.import_module(f".{_HOMES[name]}", __name__)
    except ModuleNotFoundError as exc:
        if exc.name not in ("hypothesis", "pytest"):
            raise
        raise MissingExtraError("testing", exc.name) from exc
    value = globals()[name] = getattr(module, name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
