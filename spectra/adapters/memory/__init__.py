"""The memory family: fakes with real behaviour, for tests and demos; nothing survives the process."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from spectra.adapters.memory.executor import MemoryExecutor
    from spectra.adapters.memory.job_store import MemoryJobStore
    from spectra.adapters.memory.jobs import MemoryJobs
    from spectra.adapters.memory.result_store import MemoryResultStore

__all__ = ["MemoryExecutor", "MemoryJobStore", "MemoryJobs", "MemoryResultStore"]

_HOME = {
    "MemoryExecutor": "executor",
    "MemoryJobStore": "job_store",
    "MemoryJobs": "jobs",
    "MemoryResultStore": "result_store",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module = importlib.import_module(f"{__name__}.{_HOME[name]}")
    value = globals()[name] = getattr(module, name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
