"""What adapters raise."""

from __future__ import annotations

import attrs

from spectra.errors.base import SpectraError, error

__all__ = [
    "BackendError",
    "BackendUnavailableError",
    "ClosedError",
    "LinkRefusedError",
    "NewerSchemaError",
    "ObjectNotFoundError",
    "OutcomeUnknownError",
    "WarehouseLockedError",
]


@error
class ObjectNotFoundError(SpectraError, LookupError):
    """The result store has no object at this location."""

    code = "OBJECT_NOT_FOUND"
    category = "resource"
    location: str

    def __str__(self) -> str:
        return f"no object at {self.location}; it was never written, or has been deleted"


@error
class LinkRefusedError(SpectraError):
    """A hosted link is altered, of another kind, or past its instant."""

    code = "LINK_REFUSED"
    category = "permission"
    problem: str

    def __str__(self) -> str:
        return f"the link is refused: {self.problem}; ask for a new one"


@error
class BackendError(SpectraError):
    """A backend failed in a way that nothing more is known of; see ``__cause__``."""

    code = "BACKEND_ERROR"
    problem: str = "the backend failed"
    of_job_store: bool = attrs.field(default=False, init=False)
    """Set by the services where they know that it was the job store that failed."""

    def __str__(self) -> str:
        return self.problem


class BackendUnavailableError(BackendError):
    """Not done; may be repeated."""

    code = "BACKEND_UNAVAILABLE"
    category = "transient"
    retryable = True


class OutcomeUnknownError(BackendError):
    """May have been done: read before repeating."""

    code = "OUTCOME_UNKNOWN"
    category = "transient"


@error
class WarehouseLockedError(BackendError):
    """Another process holds the embedded warehouse; *pid* if it is known."""

    code = "WAREHOUSE_LOCKED"
    category = "transient"
    retryable = True
    pid: int | None = None

    def __str__(self) -> str:
        who = f"process {self.pid}" if self.pid is not None else "another process"
        return f"{self.problem}: {who} has it open; stop that process, or ask it to do the work"

    @property
    def details(self) -> dict[str, object]:
        return {"pid": self.pid}


@error
class NewerSchemaError(SpectraError):
    """A document written by a newer Spectra; left alone."""

    code = "NEWER_SCHEMA"
    found: int
    known: int

    def __str__(self) -> str:
        return (
            f"the document has schema {self.found}, this Spectra knows {self.known}; upgrade redshift-spectra"
        )


@error
class ClosedError(SpectraError):
    """Used after `close`."""

    code = "CLOSED"
    what: str = "Spectra"

    def __str__(self) -> str:
        return f"{self.what} is closed; make a new one"
