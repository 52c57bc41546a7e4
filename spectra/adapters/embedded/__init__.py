"""The embedded family, for one machine: SQLite, DuckDB, a directory; each loads its driver on first use."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from spectra.errors import MissingExtraError

if TYPE_CHECKING:
    from spectra.adapters.embedded.executor import DuckDBExecutor
    from spectra.adapters.embedded.job_store import SQLiteJobStore
    from spectra.adapters.embedded.result_store import DirectoryResultStore

__all__ = ["DirectoryResultStore", "DuckDBExecutor", "SQLiteJobStore"]

_HOME = {
    "DirectoryResultStore": "result_store",
    "DuckDBExecutor": "executor",
    "SQLiteJobStore": "job_store",
}
_EXTRA = frozenset({"backports", "duckdb", "isal", "itsdangerous", "pytz"})


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        module = importlib.import_module(f"{__name__}.{_HOME[name]}")
    except ModuleNotFoundError as exc:
        missing = (exc.name or "").partition(".")[0]
        # Any other missing module is a mistake of ours, which advice about extras would hide.
        if missing not in _EXTRA:
            raise
        raise MissingExtraError("embedded", missing) from exc
    value = globals()[name] = getattr(module, name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
