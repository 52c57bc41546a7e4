"""What the two ways of telling measurements have in common."""

from __future__ import annotations

import abc
from collections.abc import Callable
from typing import TYPE_CHECKING

from spectra.errors import InvalidSpecError
from spectra.monitoring.backlog import of_backlog
from spectra.monitoring.instruments import Measurement
from spectra.monitoring.measurements import of_event, one_class
from spectra.ports import Clock, SystemClock
from spectra.services import JobEvent

if TYPE_CHECKING:
    from spectra.composition import Spectra

__all__ = ["Recorder"]


class Recorder(abc.ABC):
    """A listener for `Spectra.subscribe` that measures what it hears; safe for threads.

    *tenant_class* puts tenants into a few classes, so that there are few time series and no tenant id
    leaves the job store. *tenants* is how many tenants `observe` names; none, unless asked for.
    """

    def __init__(
        self,
        *,
        tenant_class: Callable[[str], str] = one_class,
        tenants: int = 0,
        clock: Clock | None = None,
    ) -> None:
        if type(tenants) is not int or not 0 <= tenants <= 100:
            raise InvalidSpecError("tenants", "must be 0 to 100")
        self._tenant_class = tenant_class
        self._tenants = tenants
        self._clock: Clock = clock if clock is not None else SystemClock()

    def __call__(self, event: JobEvent, /) -> None:
        """Measure *event*."""
        self._record(of_event(event, self._tenant_class))

    def observe(self, spectra: Spectra, /) -> None:
        """Measure what waits and runs now. Reads the job store; nobody calls this but the host.

        Raises:
            BackendUnavailableError, BackendError: the store could not be asked; nothing is measured.
        """
        self._record(of_backlog(spectra.job_store, self._clock.now(), tenants=self._tenants))

    @abc.abstractmethod
    def _record(self, measurements: list[Measurement], /) -> None:
        """Take the measurements of one event, or of one look."""
