"""The worker: takes what is due and carries it on."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from typing import Final

import attrs

from spectra.domain import Job, JobState
from spectra.errors import (
    BackendError,
    ClosedError,
    JobConflictError,
    JobNotFoundError,
    SpectraError,
    TenantBusyError,
    WaitTimeoutError,
)
from spectra.services.driving import Driver
from spectra.services.warehouse_lock import wait_until_ready

__all__ = ["Round", "Worker"]

PAGE: Final = 50
PER_TENANT: Final = 5
POLL_SECONDS: Final = 1.0
BUSY_FOR: Final = timedelta(seconds=3)
AFTER_FAULT: Final = timedelta(seconds=10)
STEPS_OF_ONE_RUN: Final = 10_000


@attrs.frozen(kw_only=True)
class Round:
    """What `Worker.take_due` did: *touched* jobs, *failed* steps; *complete* unless it was told to stop."""

    touched: int
    failed: int
    complete: bool


class Worker:
    """Carries jobs on, one non-blocking step at a time or for as long as they take.

    Any number of workers may run anywhere: versions keep them apart in the job store, attempts in the
    warehouse. One instance is used by one `serve`, `running` or loop of calls at a time.

    With *attached* False it leaves work alone that would end with this process, before claiming it.
    An idle `serve` waits *idle_seconds* between looks.
    """

    def __init__(
        self, driver: Driver, *, concurrency: int = 1, attached: bool = True, idle_seconds: float = 0.5
    ) -> None:
        if type(concurrency) is not int or concurrency < 1:
            raise ValueError("concurrency must be at least 1")
        self._driver = driver
        self._ender = driver.ender
        self._concurrency = concurrency
        self._attached = attached
        self._idle_seconds = idle_seconds
        self._left_some = False
        self._not_before: dict[str, datetime] = {}
        self._wake = threading.Event()
        self._random = random.Random()  # noqa: S311 - spreads workers over a page; nothing secret

    @property
    def name(self) -> str:
        """Who this worker is, in leases and histories."""
        return self._driver.name

    def advance(self, job: Job, /, *, wait: float = 0) -> Job:
        """Take one step from the image *job* and return the job as it then is.

        A stale image changes nothing, and a job whose tenant is at its limit is left as it is. With
        *wait*, the look at running work may take that many seconds and ends early with the work.

        Raises:
            BackendUnavailableError, OutcomeUnknownError, BackendError: a backend failed; it was told as
                ``step.failed``.
        """
        with self._telling(job):
            return self._step(job, wait)

    @contextmanager
    def _telling(self, job: Job) -> Iterator[None]:
        """Whoever calls `advance`: what a step raises is logged and counted, once."""
        try:
            yield
        except (JobConflictError, JobNotFoundError, ClosedError):
            raise
        except Exception as exc:
            ours = exc if isinstance(exc, SpectraError) else SpectraError()
            facts = {"code": ours.code, "category": str(ours.category), "error": repr(exc)}
            self._ender.events.publish("step.failed", job, before=job.state, **facts)
            if not isinstance(exc, SpectraError):
                self._ender.events.note("step.bug", job=str(job), exc_info=True)
            raise

    def _step(self, job: Job, wait: float) -> Job:
        try:
            ended = self._ender.step(job)
            if ended is not None:
                return ended
            if not self._attached and not self._driver.detached(job):
                self._leave(job)
                return job
            if job.state is JobState.UPLOAD_COMPLETE:
                self._ender.executor.ready()
                return self._driver.start(job)
            return self._driver.carry_on(job, wait=wait)
        except JobConflictError as exc:
            lease = job.lease
            lost = lease is not None and lease.worker == self.name and exc.job.lease != lease
            name = "lease.lost" if lost else "step.conflict"
            self._ender.events.publish(name, exc.job, before=job.state, worker=self.name)
            self._end_if_over(job, exc.job)
            return exc.job
        except JobNotFoundError:
            self._end_if_over(job, None)
            return job
        except TenantBusyError:
            self._not_before[job.tenant_id] = self._now() + BUSY_FOR
            self._ender.events.publish("claim.refused", job, before=job.state, worker=self.name)
            return job

    def _leave(self, job: Job) -> None:
        if not self._left_some:
            self._left_some = True  # said once: it is the same executor for all that come
            self._ender.events.note("work.left", job=str(job), why="it needs a worker that stays")

    def drive(self, job: Job, /, *, until: datetime) -> Job:
        """Take steps until the job has ended and settled; interrupted, hand attached work back.

        Raises:
            WaitTimeoutError: it has not at *until*; attached work was handed back.
        """
        begun = self._now()
        with self._handing_back(job):
            while True:
                job = self.advance(self._as_it_is(job) if self._mine(job) else job, wait=POLL_SECONDS)
                if job.is_terminal and not job.is_settling:
                    return job
                now = self._now()
                if now >= until:
                    if self._mine(job):
                        job = self._driver.hand_back(job)
                    raise WaitTimeoutError(job, (now - begun).total_seconds())
                if not self._mine(job):
                    self._ender.clock.sleep(min(self._pause(job, now), (until - now).total_seconds()))
                    job = self._as_it_is(job)  # somebody else may carry it on

    @contextmanager
    def _handing_back(self, job: Job) -> Iterator[None]:
        """On Ctrl-C give the lease back, which nobody could otherwise take before it has run out."""
        try:
            yield
        except Exception:
            raise
        except BaseException:
            with suppress(SpectraError):
                job = self._ender.store.get(job.tenant_id, job.job_id)
                if self._mine(job):
                    self._driver.hand_back(job)
            raise

    def _pause(self, job: Job, now: datetime) -> float:
        if job.due_at is None or job.state is JobState.UPLOAD_COMPLETE:
            return self._idle_seconds
        return min(max((job.due_at - now).total_seconds(), 0.01), POLL_SECONDS)

    def run_once(self) -> int:
        """Take the steps of what is due now, attached work to its end; return how many jobs it touched."""
        return self.take_due().touched

    def take_due(self, *, may_begin: Callable[[], bool] = lambda: True) -> Round:
        """Take the steps of what is due now, as `run_once`; before each it asks *may_begin*.

        Raises:
            BackendUnavailableError, BackendError: the job store could not be asked for what is due.
        """
        touched: set[str] = set()
        failed = idle_pages = 0
        complete = True
        for _ in range(STEPS_OF_ONE_RUN):
            # `due` moves on through the tenants from call to call: one page without news may be the
            # end of a round, two are the end of what is due.
            if not complete or idle_pages == 2:
                break
            jobs = [job for job in self._due(self._now(), PAGE) if f"{job}@{job.version}" not in touched]
            idle_pages = 0 if jobs else idle_pages + 1
            for job in jobs:
                complete = may_begin()
                if not complete:
                    break
                touched.add(f"{job}@{job.version}")
                failed += not self._carry(job, threading.Event())
        names = {name.rpartition("@")[0] for name in touched}
        return Round(touched=len(names), failed=failed, complete=complete)

    def serve(self, stop: threading.Event, /, *, patient: bool = False, drain: bool = False) -> None:
        """Work until *stop* is set, or an exception such as Ctrl-C comes, which sets it.

        Then the leases of attached work are handed back before this returns. A *patient* worker waits
        for a warehouse that another process has. With *drain* it ends by itself once nothing runs and
        nothing is due that it may try: what failed a moment ago, or waits for its tenant's limit, is left.

        Raises:
            WarehouseLockedError, BackendError: the warehouse cannot be used at all, said at once; with
                *drain*, also that the job store could not be asked for what is due.
        """
        wait_until_ready(self._ender.executor, stop, self._ender.events, patient=patient)
        running: dict[Future[bool], str] = {}
        idle_looks = 0
        with ThreadPoolExecutor(self._concurrency, thread_name_prefix="spectra-worker") as pool:
            try:
                # As in `take_due`: two looks without news are the end of what is due.
                while not stop.is_set() and idle_looks < 2:
                    running = {future: job for future, job in running.items() if not future.done()}
                    free = self._concurrency - len(running)
                    started = self._dispatch(pool, stop, running, free, drain=drain) if free else 0
                    idle = drain and not running
                    idle_looks = idle_looks + 1 if idle else 0
                    if not started and not idle:
                        self._wake.wait(self._idle_seconds)
                        self._wake.clear()
            finally:
                stop.set()  # on Ctrl-C, too, the threads have to hand back

    def _dispatch(
        self,
        pool: ThreadPoolExecutor,
        stop: threading.Event,
        running: dict[Future[bool], str],
        free: int,
        *,
        drain: bool,
    ) -> int:
        names = set(running.values())
        try:
            due = self._due(self._now(), PAGE)
        except ClosedError:
            stop.set()
            return 0
        except SpectraError as exc:
            self._ender.events.note("due.failed", error=str(exc), code=exc.code)
            if drain:
                raise
            return 0
        jobs = [job for job in due if str(job) not in names]
        for job in jobs[:free]:
            future = pool.submit(self._carry, job, stop)
            running[future] = str(job)
            future.add_done_callback(lambda _: self._wake.set())
        return min(len(jobs), free)

    def _due(self, now: datetime, limit: int) -> list[Job]:
        self._not_before = {name: until for name, until in self._not_before.items() if until > now}
        due = self._ender.store.due(now, limit=limit, per_tenant=PER_TENANT)
        jobs = [job for job in due if self._may_try(job)]
        self._random.shuffle(jobs)
        return jobs

    def _may_try(self, job: Job) -> bool:
        if str(job) in self._not_before:
            return False
        return job.state is not JobState.UPLOAD_COMPLETE or job.tenant_id not in self._not_before

    def _carry(self, job: Job, stop: threading.Event) -> bool:
        """Advance *job*; if its work is attached and ours, to its end. Whether nothing failed."""
        try:
            with self._handing_back(job):
                job = self.advance(job)
                while self._mine(job):
                    if stop.is_set():
                        with self._telling(job):
                            self._driver.hand_back(job)
                        return True
                    job = self.advance(self._as_it_is(job), wait=POLL_SECONDS)
            if job.is_terminal:
                self._not_before.pop(job.tenant_id, None)
        except (JobConflictError, JobNotFoundError):
            return True
        except ClosedError:
            stop.set()
        except Exception:
            # One job's fault must not end the worker: it rests a while and stays due.
            self._not_before[str(job)] = self._now() + AFTER_FAULT
        else:
            return True
        return False

    def _as_it_is(self, job: Job) -> Job:
        """*job*, or what others have made of it: an abort is to be seen at the next look, not the next write."""
        try:
            now = self._ender.store.get(job.tenant_id, job.job_id)
        except BackendError:
            return job  # the work goes on; the next write will tell
        except JobNotFoundError:
            self._end_if_over(job, None)
            raise
        if now.version == job.version:
            return job
        self._end_if_over(job, now)
        return now

    def _end_if_over(self, job: Job, now: Job | None) -> None:
        """End what may run of *job* if it has ended, or is gone, behind our back: nobody else would."""
        ours = job.lease is not None and job.lease.worker == self.name
        if not ours or (now is not None and (not now.is_terminal or now.is_settling)):
            return
        with suppress(SpectraError):
            self._ender.executor.cancel(self._driver.task(job))

    def _mine(self, job: Job) -> bool:
        lease = job.lease
        return lease is not None and lease.worker == self.name and not self._driver.detached(job)

    @contextmanager
    def running(self, *, patient: bool = False) -> Iterator[None]:
        """Run `serve` in a thread for as long as the context lasts; an error of it is raised at the end."""
        stop = threading.Event()
        faults: list[BaseException] = []

        def run() -> None:
            try:
                self.serve(stop, patient=patient)
            except BaseException as exc:
                faults.append(exc)

        if not patient:
            self._ender.executor.ready()
        thread = threading.Thread(target=run, name=f"spectra-{self.name}")
        thread.start()
        try:
            yield
        finally:
            stop.set()
            self._wake.set()
            thread.join()
        if faults:
            raise faults[0]

    def _now(self) -> datetime:
        return self._ender.clock.now()
