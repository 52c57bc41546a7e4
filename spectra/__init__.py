"""Spectra: long Amazon Redshift work as jobs, embedded in your own program.

Names are loaded on first use, so that ``import spectra`` is cheap and loads no driver.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from spectra.composition import Spectra
    from spectra.domain import (
        Caller,
        Compression,
        ContentType,
        Effect,
        ExponentialBackoff,
        ExportSpec,
        FixedInterval,
        Job,
        JobError,
        JobState,
        LineEnding,
        LoadSpec,
        OnDuplicateKey,
        OnMissingKey,
        Operation,
        Session,
    )
    from spectra.errors import SpectraError
    from spectra.services import JobEvent
    from spectra.settings import Settings

__all__ = [
    "Caller",
    "Compression",
    "ContentType",
    "Effect",
    "ExponentialBackoff",
    "ExportSpec",
    "FixedInterval",
    "Job",
    "JobError",
    "JobEvent",
    "JobState",
    "LineEnding",
    "LoadSpec",
    "OnDuplicateKey",
    "OnMissingKey",
    "Operation",
    "Session",
    "Settings",
    "Spectra",
    "SpectraError",
]

__version__ = "0.1.0"

_HOMES = {
    "Spectra": "composition",
    "SpectraError": "errors",
    "JobEvent": "services",
    "Settings": "settings",
}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module = importlib.import_module(f".{_HOMES.get(name, 'domain')}", __name__)
    value = globals()[name] = getattr(module, name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
