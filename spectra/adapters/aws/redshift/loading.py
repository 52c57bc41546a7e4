"""Loads over a connection: all good records or none, at most once, with every bad one accounted for."""

from __future__ import annotations

import contextlib
import random
import time
from typing import Any, Final

import attrs

from spectra.adapters.aws.redshift import load_sql
from spectra.adapters.aws.redshift.authorization import authorized
from spectra.adapters.aws.redshift.channel import StatementError
from spectra.adapters.aws.redshift.failures import is_cancel, is_conflict, is_refusal, job_error, sessions_end
from spectra.adapters.aws.redshift.ledger import guard
from spectra.adapters.aws.redshift.ledger_store import Ledger
from spectra.adapters.aws.redshift.load_errors import LoadErrors, copy_errors
from spectra.adapters.aws.redshift.load_head import head_of
from spectra.adapters.aws.redshift.load_reports import Numbering, Reports
from spectra.adapters.aws.redshift.load_sql import GOOD, NUMBERED, Fault, LoadSql
from spectra.adapters.aws.redshift.load_target import inspect
from spectra.adapters.aws.redshift.options import RedshiftOptions
from spectra.adapters.aws.redshift.work import Stopped, Work, WorkError, refusal
from spectra.domain import Category, Counts, JobError, LoadSpec
from spectra.errors import BackendUnavailableError
from spectra.ports import Execution, ResultStore, Status
from spectra.records.head import Head, UploadError
from spectra.records.reports import Failure
from spectra.sql.identifiers import quote

__all__ = ["Loader"]

_TRIES: Final = 8
_CHECKS: Final = 3
_STAGED: Final = 60.0
_CHECKED: Final = 80.0


class _Changed(Exception):
    """The table was changed between the check and the load."""


@attrs.define
class _Found:
    """What is known of the staged records."""

    total: int
    source: str
    failed: int = 0
    superseded: int = 0
    unmatched: int = 0
    failures: dict[int, Failure] = attrs.field(factory=dict)
    reports: Reports | None = None

    @property
    def unprocessed(self) -> int:
        return self.superseded + self.unmatched


class Loader:
    """Loads into one warehouse; the caller's thread does all of it."""

    def __init__(self, ledger: Ledger, results: ResultStore, options: RedshiftOptions) -> None:
        self._ledger = ledger
        self._results = results
        self._options = options

    def load(self, work: Work) -> Execution:
        """Do the load of *work*, or say what came of it if it was applied before.

        Raises:
            WorkError: it cannot be done; nothing was changed.
            Stopped: it was cancelled, or a later attempt has begun; nothing was changed.
        """
        task = work.task
        row = self._ledger.open(task)
        if row.state == "applied":
            return row.execution()
        if row.state != "open" or row.attempt != task.attempt:
            raise Stopped
        try:
            return self._staged(work)
        except UploadError as exc:
            raise WorkError(exc.error) from exc
        except (Stopped, WorkError):
            raise
        except Exception as exc:
            if not (work.connection.broken or sessions_end(exc)):
                if work.stopping:
                    raise Stopped from exc
                if is_refusal(exc):
                    raise WorkError(job_error(exc, code="LOAD_ERROR")) from exc
                raise
            return self._proved(work, exc)

    def _proved(self, work: Work, cause: BaseException) -> Execution:
        """After the connection broke: the ledger says whether the load was applied."""
        try:
            row = self._ledger.settled(work.task)
        except BackendUnavailableError:
            # The transaction may be under way; whoever ends this attempt asks the ledger again.
            return Execution(status=Status.LOST)
        if row is not None and row.state == "applied":
            return row.execution()
        if work.stopping or (row is not None and row.state == "closed"):
            raise Stopped from cause
        raise WorkError(
            JobError.of(
                "CONNECTION_LOST", Category.TRANSIENT, "the connection to Redshift broke; nothing was changed"
            )
        ) from cause

    # ---- staging --------------------------------------------------------------------------------------

    def _staged(self, work: Work) -> Execution:
        task = work.task
        spec = task.spec
        assert isinstance(spec, LoadSpec)
        assert task.upload is not None
        begin = head_of(self._results, task.upload, spec)
        for again in range(_CHECKS):
            with authorized(work.connection, task.session):
                sql, names = inspect(work, spec, begin, self._options)
                for statement in sql.drop() if again else ():
                    work.run(statement)
                work.run(sql.stage())
            errors = self._copy(work, sql, begin)
            work.seen(records=errors.total, percent=_STAGED)
            found = self._look(work, sql, names, begin, errors)
            work.seen(percent=_CHECKED)
            if found.failed > spec.max_failed_records:
                return self._too_many(work, found)
            with contextlib.suppress(_Changed):
                return self._apply(work, sql, found)
        raise refusal(
            "CONFLICT",
            "the table was changed again and again while the load was checked",
            category=Category.TRANSIENT,
        )

    def _copy(self, work: Work, sql: LoadSql, begin: Head) -> LoadErrors:
        """Stage the upload; what could not be."""
        task = work.task
        assert task.upload is not None
        if not begin.any:
            return LoadErrors(0, [], complete=True)
        if not sql.spec.max_failed_records:
            # Whatever is wrong ends it at once, so that what succeeds needs no looking.
            try:
                with authorized(work.connection, task.session):
                    work.run(sql.copy(task.upload.location, 1))
                return LoadErrors(
                    int(work.connection.value("SELECT pg_last_copy_count()")), [], complete=True
                )
            except Exception as exc:
                if work.connection.broken or job_error(exc).message.find("Load into table") < 0:
                    raise
        return copy_errors(work, sql, task.upload.location)

    # ---- looking --------------------------------------------------------------------------------------

    def _look(
        self, work: Work, sql: LoadSql, names: tuple[str, ...], begin: Head, errors: LoadErrors
    ) -> _Found:
        """What is wrong with the staged records, and the reports on it."""
        spec = sql.spec
        found = _Found(errors.total, sql.staged, failed=len(errors.failures))
        clean = not errors.complete or self._is_clean(work, sql)
        if clean and not errors.failures:
            return found
        pass_ = Numbering(self._results, work, begin, sql, names)
        if not clean:
            with authorized(work.connection, work.task.session):
                work.run(sql.stage_numbered())
                location = pass_.number(errors)
                try:
                    work.run(sql.copy(location, load_sql.MAX_ERRORS, numbered=True))
                finally:
                    pass_.forget()
                for statement in sql.marks():
                    work.run(statement)
                counts = {int(kind): int(count) for kind, count in work.run(sql.count_marks())}
                rows = work.run(sql.failures(spec.max_failed_records + 1))
                work.run(sql.keep_good())
            found.source = GOOD
            found.superseded = counts.pop(Fault.SUPERSEDED, 0)
            found.unmatched = counts.pop(Fault.UNMATCHED, 0)
            found.failed += sum(counts.values())
            found.failures = {int(number): _failure(sql, int(fault)) for number, fault in rows}
        if found.failed:
            found.reports = pass_.report(errors, found.failures, spec.max_failed_records, found.failed)
            found.total = found.reports.total
            staged = errors.total
            if errors.complete and staged != found.total:
                raise refusal(
                    "BROKEN_QUOTES",
                    f"quotes that do not pair hide where records end: there are {found.total:,} records, and Redshift "
                    f"reads {staged:,}; double the quotes in fields",
                )
        return found

    def _is_clean(self, work: Work, sql: LoadSql) -> bool:
        with authorized(work.connection, work.task.session):
            if sql.never_null and work.run(sql.count_nulls())[0][0]:
                return False
            if sql.keys and work.run(sql.count_repeated())[0][0]:
                return False
            return not (sql.needs_match and work.run(sql.count_unmatched(sql.staged))[0][0])

    def _too_many(self, work: Work, found: _Found) -> Execution:
        reports = found.reports
        assert reports is not None
        first = reports.first
        where = f" in column '{first.column}'" if first.column else ""
        allowed = reports.failed - 1
        error = JobError.of(
            "TOO_MANY_FAILED_RECORDS",
            Category.VALIDATION,
            f"more than {allowed:,} records failed, so nothing was changed; the first is record "
            f"{reports.first_ordinal:,}{where}: {first.code}. Correct them, or allow more by max_failed_records",
            record=reports.first_ordinal,
            column=first.column,
            reason=first.code,
        )
        return Execution(
            status=Status.FAILED,
            error=error,
            counts=Counts(total=found.total, failed=reports.failed, unprocessed=found.total - reports.failed),
            failed_records=reports.failed_records,
            rejected_input=reports.rejected_input,
            unprocessed_records=reports.unprocessed_records,
        )

    # ---- applying -------------------------------------------------------------------------------------

    def _apply(self, work: Work, sql: LoadSql, found: _Found) -> Execution:
        """The one transaction that changes the table and the ledger; a conflict begins it again."""
        execution = _succeeded(work, sql.spec, found)
        steps = self._steps(work, sql, found, execution)
        names = list(steps)
        for attempt in range(_TRIES):
            try:
                work.connection.transaction(list(steps.values()), work.check)
            except StatementError as failed:
                exc = failed.cause
                if work.connection.broken or sessions_end(exc):
                    raise exc from None
                if not (is_conflict(exc) or is_cancel(exc)) and failed.at < len(names):
                    if names[failed.at] == "superseded":
                        raise Stopped from exc
                    if names[failed.at] == "changed":
                        raise _Changed from exc
                if attempt + 1 == _TRIES or work.stopping or not is_conflict(exc):
                    raise exc from None
                time.sleep(random.uniform(0.5, 1) * 0.1 * 2**attempt)  # noqa: S311 - only to keep apart
            else:
                return execution
        raise AssertionError("unreachable")

    def _steps(self, work: Work, sql: LoadSql, found: _Found, execution: Execution) -> dict[str, str]:
        """The statements of that transaction. No one depends on what another one found: two fail on purpose."""
        task, ledger = work.task, self._ledger.sql
        assert isinstance(task.spec, LoadSpec)
        user = task.session.db_user
        steps = {
            "lock": ledger.lock(ledger.table(task.spec)),
            "flip": ledger.flip(task),
            "superseded": ledger.check_flipped(task),
        }
        if found.total - found.failed - found.superseded > 0:
            if user is not None:
                steps["become"] = f"SET SESSION AUTHORIZATION {quote(user)}"
            if sql.needs_match:
                source = NUMBERED if found.source == GOOD else sql.staged
                steps["changed"] = guard(sql.count_unmatched(source), 0, "changed")
            steps["change"] = sql.change(found.source)
            if user is not None:
                steps["return"] = "SET SESSION AUTHORIZATION DEFAULT"
        return steps | {"settle": ledger.settle(task, execution)}


def _failure(sql: LoadSql, fault: int) -> Failure:
    kind, at = Fault(fault // load_sql.COLUMNS), fault % load_sql.COLUMNS
    about_one = kind in (Fault.NULL_KEY, Fault.NOT_NULL)
    message = {
        Fault.NULL_KEY: "a key column may not be NULL",
        Fault.NOT_NULL: "the column may not be NULL",
        Fault.DUPLICATE_KEY: "several records of the upload have this key",
        Fault.NOT_FOUND: "no row of the table has this key",
    }[kind]
    category = Category.RESOURCE if kind is Fault.NOT_FOUND else Category.VALIDATION
    return Failure(kind.name, message, sql.columns[at] if about_one else None, None, category)


def _succeeded(work: Work, spec: LoadSpec, found: _Found) -> Execution:
    warnings: list[str] = list(work.warnings)
    if not found.total:
        warnings.append("the upload has no records; nothing was changed")
    if found.superseded:
        kept = "first" if spec.on_duplicate_key == "first" else "last"
        warnings.append(
            f"records without effect, because the {kept} with their key counts: {found.superseded:,}"
        )
    if found.unmatched:
        warnings.append(
            f"records without effect, because no row of the table has their key: {found.unmatched:,}"
        )
    reports: Any = found.reports
    return Execution(
        status=Status.SUCCEEDED,
        counts=Counts(
            total=found.total,
            succeeded=found.total - found.failed - found.unprocessed,
            failed=found.failed,
            unprocessed=found.unprocessed,
        ),
        failed_records=None if reports is None else reports.failed_records,
        rejected_input=None if reports is None else reports.rejected_input,
        warnings=tuple(warnings),
    )
