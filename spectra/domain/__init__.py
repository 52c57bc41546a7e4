"""The domain: states, the `Job` aggregate, specs, errors of jobs, polling, retention.

Standard library and attrs only; nothing here does I/O, reads a clock or makes an id.
"""

from spectra.domain.caller import Caller, Session
from spectra.domain.counts import Counts, Progress
from spectra.domain.failure import ADVICE, Advice, Category, JobError, category_of
from spectra.domain.files import Column, Files, Part, Upload
from spectra.domain.history import HistoryEntry
from spectra.domain.job import Abort, Effect, Job
from spectra.domain.lease import Lease
from spectra.domain.polling import ExponentialBackoff, FixedInterval, Polling
from spectra.domain.retention import Retention
from spectra.domain.spec import (
    Compression,
    ContentType,
    ExportSpec,
    LineEnding,
    LoadSpec,
    OnDuplicateKey,
    OnMissingKey,
    Operation,
    Parameter,
    Spec,
)
from spectra.domain.state import TRANSITIONS, Event, JobState

__all__ = [
    "ADVICE",
    "TRANSITIONS",
    "Abort",
    "Advice",
    "Caller",
    "Category",
    "Column",
    "Compression",
    "ContentType",
    "Counts",
    "Effect",
    "Event",
    "ExponentialBackoff",
    "ExportSpec",
    "Files",
    "FixedInterval",
    "HistoryEntry",
    "Job",
    "JobError",
    "JobState",
    "Lease",
    "LineEnding",
    "LoadSpec",
    "OnDuplicateKey",
    "OnMissingKey",
    "Operation",
    "Parameter",
    "Part",
    "Polling",
    "Progress",
    "Retention",
    "Session",
    "Spec",
    "Upload",
    "category_of",
]
