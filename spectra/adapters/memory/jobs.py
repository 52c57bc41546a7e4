"""What memory job stores keep, apart from the stores, so that several can share it."""

from __future__ import annotations

import threading
from bisect import bisect_left, insort
from collections import defaultdict
from datetime import datetime
from typing import TypeAlias

from spectra.domain import Job, JobState

__all__ = ["Key", "MemoryJobs"]

Key: TypeAlias = tuple[str, str]


class MemoryJobs:
    """Jobs, keys and places of any number of `MemoryJobStore`; everything is read and written under *lock*."""

    __slots__ = ("due", "ids", "jobs", "keys", "live", "lock", "places")

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.jobs: dict[Key, Job] = {}
        self.keys: dict[Key, str] = {}
        self.places: defaultdict[str, set[str]] = defaultdict(set)
        # Kept sorted, so that a page or a due job is found without looking at the tenant's others.
        self.ids: defaultdict[str, list[str]] = defaultdict(list)
        self.due: defaultdict[str, list[tuple[bool, datetime, str]]] = defaultdict(list)
        self.live: set[Key] = set()

    def index(self, job: Job) -> None:
        """Put *job* where readers look for it; the list of ids is the caller's."""
        key = (job.tenant_id, job.job_id)
        self.jobs[key] = job
        if job.due_at is not None:
            insort(self.due[job.tenant_id], (_waits(job), job.due_at, job.job_id))
        if not job.is_terminal or job.is_settling:
            self.live.add(key)

    def unindex(self, job: Job) -> None:
        """Take *job* out again."""
        if job.due_at is not None:
            queue = self.due[job.tenant_id]
            del queue[bisect_left(queue, (_waits(job), job.due_at, job.job_id))]
        self.live.discard((job.tenant_id, job.job_id))


def _waits(job: Job) -> bool:
    return job.state is JobState.UPLOAD_COMPLETE
