"""The executors where Redshift answers the open questions in another way: each switch, each position."""

from __future__ import annotations

import contextlib
import os

import pytest

from spectra.adapters.aws.s3 import S3ResultStore
from spectra.testing import ExecutorContract, QueryRunnerContract
from spectra.testing.redshift import Behaviour, Isolation, LocalRedshift
from tests.contract.redshift_house import RedshiftHarness, by_data_api, by_driver

OTHERWISE = {
    "isolation": Isolation.SNAPSHOT,
    "zero_rows": "manifest",
    "manifest_first": True,
    "length_key": "byte_length",
    "backslash_escapes": False,
    "quoted_empty": True,
    "quoted_booleans": False,
    "merge_counts": True,
    "null_violation": "XX000",
    "full_state": "53100",
    "connections_state": "53300",
    "lost_client": "at the end",
    "terminated": "fatal",
    "history_lag": 0.7,
    "idle_looking": True,
    "serverless": True,
    "finished_cancel": "false",
}
THOROUGH = bool(os.environ.get("SPECTRA_THOROUGH"))
AGAIN = {"isolation": Isolation.READ_COMMITTED, "zero_rows": "files", "cancel_hangs": True}


def test_every_switch_is_in_each_of_its_positions() -> None:
    names = {name for name in Behaviour.__annotations__ if name not in ("max_connections", "slices")}
    assert names == {*OTHERWISE, *AGAIN}
    for name, value in OTHERWISE.items():
        assert getattr(Behaviour(), name) != value


@pytest.fixture(scope="module")
def worlds(local_s3):
    """Servers by the class that meets them; one at a time runs."""
    with contextlib.ExitStack() as stack:
        running: dict[type, LocalRedshift] = {}

        def of(cls):
            if cls not in running:
                stack.close()
                running.clear()
                server = LocalRedshift(local_s3.client(), behaviour=cls.behaviour)
                running[cls] = stack.enter_context(server)
            return running[cls]

        yield of


class _World(ExecutorContract, QueryRunnerContract):
    __test__ = False
    profile = "full" if THOROUGH else "slow"
    quiet = True
    behaviour = Behaviour()
    make = staticmethod(by_driver)

    @pytest.fixture
    def harness(self, worlds, local_s3, bucket, prefix):
        world = worlds(type(self))
        results = S3ResultStore(bucket, prefix=prefix, client=local_s3.client)
        with results, self.make(results, world) as executor:
            yield RedshiftHarness(executor, results, world)


class TestOtherwise(_World):
    __test__ = True
    behaviour = Behaviour(**OTHERWISE)


class TestAgainOtherwise(_World):
    __test__ = THOROUGH
    behaviour = Behaviour(**AGAIN)


class TestDataOtherwise(_World):
    __test__ = True
    behaviour = Behaviour(**OTHERWISE)
    make = staticmethod(by_data_api)


class TestDataAgainOtherwise(_World):
    __test__ = True  # the Data API has more in between, so it is the one that stays in every run
    behaviour = Behaviour(**AGAIN)
    make = staticmethod(by_data_api)
