"""What every `JobStore` promises, as tests: subclass `JobStoreContract` and give it a `store`."""

from __future__ import annotations

import pytest

from spectra.ports.job_store import JobStore

from .job_store_contract_reads import ReadingPromises
from .job_store_contract_writes import WritingPromises
from .job_store_jobs import ManualClock


class JobStoreContract(WritingPromises, ReadingPromises):
    """The promises JS1 to JS8, each in tests of its name; *store* is empty and asks *clock* for the time."""

    @pytest.fixture
    def clock(self) -> ManualClock:
        """Begins at `START`; tests move it."""
        return ManualClock()

    @pytest.fixture
    def store(self, clock: ManualClock) -> JobStore:
        """The store on trial; overridden by every subclass, which also closes it."""
        raise NotImplementedError
