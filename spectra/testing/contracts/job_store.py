"""`JobStoreContract`: what every `JobStore` promises, as tests."""

from __future__ import annotations

import functools
import uuid
from collections.abc import Callable, Iterator
from typing import TypeAlias

import pytest

from spectra.ports.clock import Clock
from spectra.ports.job_store import JobStore
from spectra.testing.clock import ManualClock
from spectra.testing.contracts.contract import Contract, Lack
from spectra.testing.contracts.job_store_listing import ListingPromises
from spectra.testing.contracts.job_store_places import PlacePromises
from spectra.testing.contracts.job_store_queue import QueuePromises
from spectra.testing.contracts.job_store_writing import WritingPromises
from spectra.testing.machines.job_store import JobStoreMachine
from spectra.testing.machines.running import run_machine

__all__ = ["JobStoreContract", "OpenStore"]

OpenStore: TypeAlias = Callable[[str, Clock], JobStore]


class JobStoreContract(WritingPromises, PlacePromises, ListingPromises, QueuePromises, Contract):
    """JS1 to JS9. Subclass as ``Test…`` and override `open_store`, nothing else."""

    @pytest.fixture
    def open_store(self) -> OpenStore:
        """Override: a callable of a namespace and a clock that makes a store of its own.

        A new namespace is empty. Stores of one namespace share their data, as those of two
        processes would; the data outlive `close`. A namespace is a letter and up to 32 letters and
        digits, all lower case; the clock is the one by which a job is past its ttl.
        """
        pytest.fail("override the fixture open_store")

    @pytest.fixture
    def clock(self) -> ManualClock:
        """Begins at `START`; tests move it."""
        return ManualClock()

    @pytest.fixture
    def namespace(self) -> str:
        return f"n{uuid.uuid4().hex[:16]}"

    @pytest.fixture
    def store(self, open_store: OpenStore, namespace: str, clock: ManualClock) -> Iterator[JobStore]:
        """The store on trial."""
        with open_store(namespace, clock) as store:
            yield store

    @pytest.fixture
    def other(self, open_store: OpenStore, namespace: str, clock: ManualClock) -> Iterator[JobStore]:
        """A second instance on the same data, as another process has one."""
        with open_store(namespace, clock) as other:
            yield other

    def test_js_no_sequence_of_calls_tells_it_from_a_dict(self, open_store: OpenStore) -> None:
        """JS1 to JS8: a machine drives the store beside a dict."""
        lags = Lack.CURRENT_INDEXES in self.lacks
        machine = functools.partial(JobStoreMachine, open_store, lags=lags)
        run_machine(machine, slow=self.profile == "slow", examples=self.examples)
