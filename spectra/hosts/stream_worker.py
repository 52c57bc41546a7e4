"""The worker behind a table's stream and a schedule; `spectra.hosts.aws_lambda` has its handlers."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Protocol

from spectra.composition import Spectra
from spectra.domain import Job
from spectra.errors import (
    BackendError,
    BackendUnavailableError,
    ClosedError,
    MissingExtraError,
    NotConfiguredError,
    OutcomeUnknownError,
    SpectraError,
)
from spectra.monitoring.emf import EmfMetrics
from spectra.services.events import EventLog

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.data_classes.dynamo_db_stream_event import DynamoDBRecord

__all__ = ["Context", "StreamWorker"]


class Context(Protocol):
    """What Lambda tells a function of its own invocation."""

    def get_remaining_time_in_millis(self) -> int:
        """Milliseconds until the invocation is ended."""
        ...


class StreamWorker:
    """Takes the steps of detached work, for functions whose host builds `Spectra` by itself.

    Attached work, which would end with the invocation, is left to a worker that stays, and is not
    claimed. No step is begun when less than *margin_seconds* are left; without it
    `Settings.lambda_margin_seconds` counts. *job_of* reads a job from an item's image; without it the
    job store's own does.

    *metrics* hears the events of *spectra* from now on. They are written at the end of each invocation, and the
    schedule's measure what waits and runs, once each. Without it no figures are told.

    Raises:
        NotConfiguredError: the job store has no stream.
    """

    def __init__(
        self,
        spectra: Spectra,
        *,
        margin_seconds: float | None = None,
        job_of: Callable[[Mapping[str, Any]], Job | None] | None = None,
        metrics: EmfMetrics | None = None,
    ) -> None:
        read = job_of if job_of is not None else getattr(spectra.job_store, "job_of", None)
        if read is None:
            raise NotConfiguredError(
                f"{type(spectra.job_store).__name__} has no stream; use DynamoDBJobStore"
            )
        self._job_of: Callable[[Mapping[str, Any]], Job | None] = read
        self._spectra = spectra
        self._worker = spectra.worker(attached=False)
        self._metrics = metrics
        if metrics is not None:
            spectra.subscribe(metrics)
        settings = spectra.settings
        self._margin = settings.lambda_margin_seconds if margin_seconds is None else margin_seconds
        self._log = EventLog()

    def on_stream(self, event: dict[str, Any], context: Context) -> dict[str, Any]:
        """Take one step of each job in a batch of the table's stream; waits for nothing.

        Returns which records Lambda has to give again: those whose step met a job store that could not
        be reached. Records that were passed over for lack of time are not among them: they are due.
        """
        try:
            from aws_lambda_powertools.utilities.batch import (
                BatchProcessor,
                EventType,
                process_partial_response,
            )
        except ModuleNotFoundError as exc:
            raise MissingExtraError("lambda", exc.name or "") from exc
        if event["Records"] == []:
            return {"batchItemFailures": []}
        context.get_remaining_time_in_millis()  # without it the invocation is wrong, and not each record
        # Even when all records failed the answer is a list of them: an exception says less to Lambda.
        processor = BatchProcessor(EventType.DynamoDBStreams, raise_on_entire_batch_failure=False)
        take = functools.partial(self._take, context)
        with self._flushing():
            return dict(process_partial_response(event, take, processor))

    def on_schedule(self, event: object, context: Context) -> dict[str, Any]:
        """Take the steps of everything that is due, expiry too, while there is time; waits for no work.

        Returns ``touched`` jobs, ``failed`` steps, and whether it was ``complete``: False means that time
        ran out, and the next invocation goes on.

        Raises:
            BackendUnavailableError, BackendError: the job store could not be asked for what is due.
        """
        with self._flushing():
            done = self._worker.take_due(may_begin=lambda: self._has_time(context))
            self._observe()
        return {"touched": done.touched, "failed": done.failed, "complete": done.complete}

    @contextmanager
    def _flushing(self) -> Iterator[None]:
        """Write the figures before the environment freezes, also those of an invocation that fails."""
        try:
            yield
        finally:
            if self._metrics is not None:
                self._metrics.flush()

    def _observe(self) -> None:
        """Measure what the round has left; figures that are missing are told by their alarm."""
        if self._metrics is None:
            return
        self._metrics.flush()  # before a store that is slow takes the rest of the time
        try:
            self._metrics.observe(self._spectra)
        except BackendError as exc:
            self._log.note("observe.failed", code=exc.code, error=str(exc))

    def _has_time(self, context: Context) -> bool:
        return context.get_remaining_time_in_millis() / 1_000 >= self._margin

    def _take(self, context: Context, record: DynamoDBRecord) -> None:
        """Take the step of one record; what is raised makes Lambda give it again."""
        job = self._read(record.raw_event)
        if job is None:
            return
        if not self._has_time(context):
            self._log.note("record.late", job=str(job))
            return
        try:
            self._worker.advance(job)
        except ClosedError:
            raise
        except Exception as exc:
            # It was logged and counted by the step, and the job stays due.
            if isinstance(exc, BackendError) and exc.of_job_store:
                raise

    def _read(self, record: Mapping[str, Any]) -> Job | None:
        """The job that a record is about, if it asks for a worker and can be read."""
        try:
            image = record["dynamodb"].get("NewImage")
            if image is None and record.get("eventName") in ("INSERT", "MODIFY"):
                why = "the stream has no new images; set its view type to NEW_IMAGE"
                self._log.note("record.without_image", record=record.get("eventID"), why=why)
            return self._job_of(image) if image and "wake" in image else None
        except (BackendUnavailableError, OutcomeUnknownError):
            raise  # its statement is an item of its own, and could not be read now
        except Exception as exc:
            # Of a newer schema, or no job at all: it must not hold up those behind it.
            code = exc.code if isinstance(exc, SpectraError) else "INTERNAL"
            self._log.note("record.unreadable", record=record.get("eventID"), code=code, error=repr(exc))
            return None
