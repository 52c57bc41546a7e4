"""The result stores keep the promises."""

from __future__ import annotations

import pytest

from spectra.adapters.aws.s3 import S3ResultStore
from spectra.adapters.embedded import DirectoryResultStore
from spectra.adapters.memory import MemoryResultStore
from spectra.testing import HostedHarness, ManualClock, ResultStoreContract, ResultStoreHarness


class TestMemoryResultStore(ResultStoreContract):
    @pytest.fixture
    def harness(self):
        clock = ManualClock()
        with MemoryResultStore(clock=clock) as store:
            yield HostedHarness(store, clock=clock)


class TestDirectoryResultStore(ResultStoreContract):
    @pytest.fixture
    def harness(self, tmp_path):
        clock = ManualClock()
        with DirectoryResultStore(tmp_path / "files", clock=clock) as store:
            yield HostedHarness(store, clock=clock)


class TestS3ResultStore(ResultStoreContract):
    @pytest.fixture
    def harness(self, local_s3, bucket, prefix):
        with S3ResultStore(bucket, prefix=prefix, client=local_s3.client) as store:
            yield ResultStoreHarness(store)
