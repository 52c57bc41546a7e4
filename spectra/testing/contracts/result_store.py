"""`ResultStoreContract`: what every `ResultStore` promises, as tests."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from spectra.ports.clock import Clock
from spectra.ports.result_store import Area, ResultStore
from spectra.testing.contracts.result_store_harness import ResultStoreHarness
from spectra.testing.contracts.result_store_links import LinkPromises
from spectra.testing.contracts.result_store_objects import ObjectPromises
from spectra.testing.contracts.result_store_places import PlaceOfFilesPromises
from spectra.testing.machines.result_store import ResultStoreMachine
from spectra.testing.machines.running import run_machine

__all__ = ["ResultStoreContract"]


class ResultStoreContract(ObjectPromises, LinkPromises, PlaceOfFilesPromises):
    """RS1 to RS7. Subclass as ``Test…`` and override `harness`, nothing else."""

    @pytest.fixture
    def harness(self) -> ResultStoreHarness:
        """Override: an empty store and a client of its links; close the store afterwards.

        A store that asks a `ManualClock` for the time is tried in no time; one that cannot is given
        links of some seconds, and these are waited for.
        """
        pytest.fail("override the fixture harness")

    @pytest.fixture
    def store(self, harness: ResultStoreHarness) -> ResultStore:
        return harness.store

    @pytest.fixture
    def clock(self, harness: ResultStoreHarness) -> Clock:
        return harness.clock

    @pytest.fixture
    def put(self, store: ResultStore) -> Callable[..., str]:
        """Writes an object, and returns its location."""

        def put(data: bytes, *, name: str = "data", job: str = "j1", area: Area = Area.RESULTS) -> str:
            location = store.location("acme", job, area) + name
            with store.open_write(location) as writer:
                assert writer.write(data) == len(data)
            return location

        return put

    def test_rs_no_sequence_of_calls_tells_it_from_a_dict(self, harness: ResultStoreHarness) -> None:
        """RS1 to RS6: a machine drives the store beside a dict."""
        run_machine(
            lambda: ResultStoreMachine(harness),
            steps=30,
            slow=self.profile == "slow",
            examples=self.examples,
        )
