"""The sweeper: timeouts, settling and expiry where no worker runs."""

from __future__ import annotations

import attrs

from spectra.domain import JobState
from spectra.errors import JobConflictError, JobNotFoundError
from spectra.services.ending import Ender

__all__ = ["Sweeper"]

PAGE = 100


@attrs.frozen
class Sweeper:
    """Safe anywhere and twice; starts no work."""

    _ender: Ender

    def sweep(self, *, limit: int = 1_000) -> int:
        """Take up to *limit* due steps that end things, and return how many were taken.

        Raises:
            BackendUnavailableError, BackendError: a backend failed; what was done stays done.
        """
        taken = 0
        idle_pages = 0
        seen: set[tuple[str, int]] = set()
        while taken < limit and idle_pages < 2:
            jobs = self._ender.store.due(self._ender.clock.now(), limit=min(PAGE, limit - taken))
            fresh = [job for job in jobs if (str(job), job.version) not in seen]
            # `due` moves on through the tenants from call to call: one page without news may be the
            # end of a round, two are the end of what is due.
            idle_pages = 0 if fresh else idle_pages + 1
            for job in fresh:
                seen.add((str(job), job.version))
                if job.state is JobState.IN_PROGRESS:
                    continue
                try:
                    after = self._ender.step(job)
                except JobConflictError as exc:
                    self._ender.events.publish("step.conflict", exc.job, before=job.state, worker="sweeper")
                    continue
                except JobNotFoundError:
                    continue
                taken += after is not None
        return taken
