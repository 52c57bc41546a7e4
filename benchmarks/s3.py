"""The store of results on the local S3: memory by size, and time against the same calls of boto3 alone.

Each stream is a process of its own, so that its peak of memory is that of one stream.
"""

from __future__ import annotations

import json
import os
import random
import resource
import statistics
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import boto3
from boto3.s3.transfer import TransferConfig
from botocore.config import Config

from benchmarks.bare import Recorder, timed
from spectra.adapters.aws.s3 import S3ResultStore, writing
from spectra.ports import Area, SystemClock
from spectra.testing.s3 import LocalS3

MIB = 1 << 20
SMALL, LARGE = 10, 2_048  # MiB
TIMED = 256
ROUNDS = 7
WARM, CALLS = 20, 200
MANIFEST = b"m" * 10_000
BAR = 1.15
FLAT = 1.1  # that 2 GiB may take more memory than 10 MiB: what is not of the stream wavers as much
BUCKET = "spectra-benchmark"
PIECE = bytes(range(256)) * 1_024  # as much as a program writes or reads at a time


def run() -> list[tuple[str, float, float]]:
    """Memory of 2 GiB over that of 10 MiB; times of streams and of single calls over boto3's own."""
    with LocalS3() as s3:
        s3.create_bucket(BUCKET)
        facts = {"endpoint": s3.endpoint, "key": s3.access_key, "secret": s3.secret_key, "region": s3.region}

        def measure(whose: str, what: str, size: int) -> tuple[float, float]:
            done = subprocess.run(
                [sys.executable, "-m", "benchmarks.s3", whose, what, str(size)],
                env={**os.environ, "SPECTRA_BENCHMARK_S3": json.dumps(facts)},
                cwd=Path(__file__).parent.parent,
                stdout=subprocess.PIPE,
                check=True,
            )
            seconds, peak = json.loads(done.stdout)
            return seconds, peak

        found = []
        for what in ("write", "read"):
            peaks = {}
            for size in (SMALL, LARGE):
                seconds, peaks[size] = measure("ours", what, size)
                print(
                    f"{what} {size} MiB: peak {peaks[size]:.0f} MiB, {size / seconds:.0f} MiB/s", flush=True
                )
            found.append((f"memory, {what} {LARGE} MiB / {SMALL} MiB", peaks[LARGE] / peaks[SMALL], FLAT))
        for what in ("write", "read"):
            times: dict[str, list[float]] = {"ours": [], "boto3": []}
            for _ in range(ROUNDS):
                for whose, taken in times.items():
                    taken.append(measure(whose, what, TIMED)[0])
            # The least, because most of the time is the server's, and other programs' on this machine.
            found.append((f"{what} {TIMED} MiB / boto3", min(times["ours"]) / min(times["boto3"]), BAR))
        return found + single_calls(facts)


# ---- calls of a few bytes -------------------------------------------------------------------------------


def single_calls(facts: dict[str, str]) -> list[tuple[str, float, float]]:
    """The store's own calls, recorded and made again on another client, in turns; medians."""
    bare = client_of(facts)
    recorder = Recorder(client_of(facts))
    until = SystemClock().now() + timedelta(hours=1)
    with S3ResultStore(BUCKET, client=recorder) as store:
        here, there = (store.location("t", "j", Area.UPLOAD) + name for name in ("one", "two"))

        def write(location: str = here) -> None:
            with store.open_write(location) as writer:
                writer.write(MANIFEST)

        def read() -> None:
            with store.open_read(here) as stream:
                assert stream.read() == MANIFEST

        write()
        etag = store.stat(here).etag
        steps = {
            "write 10 KB": write,
            "read 10 KB": read,
            "stat": lambda: store.stat(here),
            "copy 10 KB": lambda: store.copy(here, there, if_etag=etag),
            "delete": lambda: store.delete(there),
            "upload target, PUT": lambda: store.upload_target(here, max_bytes=9, size=9, expires_at=until),
            "upload target, POST": lambda: store.upload_target(
                here, max_bytes=9, size=None, expires_at=until
            ),
            "download link": lambda: store.download_link(here, filename="a.csv", expires_at=until),
        }
        found = []
        for what, step in steps.items():
            times: tuple[list[float], list[float]] = ([], [])
            for number in range(WARM + CALLS):
                recorder.calls.clear()
                step()
                again = [*recorder.calls]
                sides = [step, lambda: [_again(bare, *call) for call in again]]
                for side in random.sample((0, 1), 2):
                    spent, _ = timed(sides[side])
                    if number >= WARM:
                        times[side].append(spent)
            ours, theirs = map(statistics.median, times)
            print(f"# {what}: {ours * 1e6:.0f} µs, {theirs * 1e6:.0f} µs", flush=True)
            found.append((f"{what} / boto3", ours / theirs, BAR))
        return found


def _again(client: Any, name: str, args: tuple[Any, ...], asked: dict[str, Any]) -> None:
    answer = getattr(client, name)(*args, **asked)
    if name == "get_object":
        answer["Body"].read()


# ---- one measurement, in a process of its own -----------------------------------------------------------


class _Source:
    """A stream of so many bytes, which boto3 reads."""

    def __init__(self, size: int) -> None:
        self._left = size

    def read(self, size: int) -> bytes:
        found = bytearray()
        while len(found) < size and self._left:
            piece = PIECE[: min(size - len(found), self._left)]
            found += piece
            self._left -= len(piece)
        return bytes(found)


def _ours(client: Any, what: str, size: int) -> None:
    with S3ResultStore(BUCKET, client=client) as store:
        location = store.location("t", "j", Area.RESULTS) + f"data-{size}"
        if what == "write":
            with store.open_write(location) as writer:
                for _ in range(size * MIB // len(PIECE)):
                    writer.write(PIECE)
            return
        with store.open_read(location) as stream:
            count = 0
            while piece := stream.read(len(PIECE)):
                count += len(piece)
        assert count == size * MIB


def _boto3(client: Any, what: str, size: int) -> None:
    key = f"t/j/results/data-{size}"
    if what == "write":
        config = TransferConfig(
            multipart_threshold=writing.PART, multipart_chunksize=writing.PART, max_concurrency=3
        )
        extra = {"ChecksumAlgorithm": writing.CHECKSUM}
        client.upload_fileobj(_Source(size * MIB), BUCKET, key, ExtraArgs=extra, Config=config)
        return
    body = client.get_object(Bucket=BUCKET, Key=key)["Body"]
    count = 0
    while piece := body.read(len(PIECE)):
        count += len(piece)
    assert count == size * MIB


def client_of(facts: dict[str, str]) -> Any:
    return boto3.client(
        "s3",
        endpoint_url=facts["endpoint"],
        aws_access_key_id=facts["key"],
        aws_secret_access_key=facts["secret"],
        region_name=facts["region"],
        config=Config(signature_version="s3v4", s3={"addressing_style": "path"}),
    )


def main(whose: str, what: str, size: int) -> None:
    """Do one thing, and print its seconds and the peak of memory in MiB."""
    client = client_of(json.loads(os.environ["SPECTRA_BENCHMARK_S3"]))
    client.head_bucket(Bucket=BUCKET)
    begun = time.perf_counter()
    (_ours if whose == "ours" else _boto3)(client, what, size)
    seconds = time.perf_counter() - begun
    print(json.dumps([seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024]))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
