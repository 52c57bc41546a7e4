"""The ports: what services ask of a job store, an executor, a query runner, a result store, a clock.

Provisional until the production adapters stand; see ``docs/ports.md``.
"""

from spectra.ports.clock import Clock, SystemClock
from spectra.ports.executor import Execution, Executor, Known, Status, Task
from spectra.ports.ids import new_job_id
from spectra.ports.job_store import Added, Backlog, JobStore, Page
from spectra.ports.query_runner import Query, QueryResult, QueryRunner
from spectra.ports.result_store import (
    Area,
    HostedLinks,
    Link,
    ObjectInfo,
    Redeemed,
    ResultStore,
    UploadTarget,
    UploadWriter,
)

__all__ = [
    "Added",
    "Area",
    "Backlog",
    "Clock",
    "Execution",
    "Executor",
    "HostedLinks",
    "JobStore",
    "Known",
    "Link",
    "ObjectInfo",
    "Page",
    "Query",
    "QueryResult",
    "QueryRunner",
    "Redeemed",
    "ResultStore",
    "Status",
    "SystemClock",
    "Task",
    "UploadTarget",
    "UploadWriter",
    "new_job_id",
]
