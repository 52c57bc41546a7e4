"""The head of an upload is that of the whole object, and of a large one little is fetched."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import os
from typing import Any

import pytest

from spectra.adapters.aws.redshift.load_head import head_of
from spectra.adapters.aws.redshift.work import WorkError
from spectra.adapters.memory import MemoryResultStore
from spectra.domain import LoadSpec, Upload
from spectra.ports import Area
from spectra.records.head import UploadError, head

MIB = 1 << 20


class Counting(MemoryResultStore):
    """Notes the ranges that it is asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[tuple[int, int | None]] = []

    def open_read(self, location: str, /, *, start: int = 0, length: int | None = None) -> Any:
        self.asked.append((start, length))
        return super().open_read(location, start=start, length=length)


def _stored(results: MemoryResultStore, data: bytes) -> Upload:
    location = results.location("t", "j", Area.INPUT) + "data"
    with results.open_write(location) as writer:
        writer.write(data)
    return Upload(location, len(data), "etag")


def _spec(**options: Any) -> LoadSpec:
    return LoadSpec(operation="insert", object="t", **options)


NAMES = ",".join(f"a_column_with_a_long_name_{number}" for number in range(20_000)).encode()  # 600 KB
NOISE = os.urandom(3 * MIB).hex().encode()
ROWS = b"".join(b"%d,%s\n" % (n, NOISE[n : n + 60]) for n in range(0, 6_000_000, 60))
OBJECTS = b'{"a": 1}\n' * 60_000 + b'{"b": 2}\n' + b'{"a": 1}\n' * 60_000 + b'{"c": 3}\n'

CASES = {
    "short": (b"id,name\n1,x\n", {}),
    "header alone": (b"id,name\n", {}),
    "as long as the first piece": (b"id,name\n" + b"1,x\n" * (MIB // 16 - 2), {}),
    "large": (b"id,name\n" + ROWS, {}),
    "a long header": (NAMES + b"\n" + b"1,2\n" * 100, {}),
    "an open quote": (b'id,name\n1,"' + b"x\n" * MIB, {}),
    "no header": (b"1;" + NOISE[: 2 * MIB] + b"\n", {"header": False, "delimiter": ";"}),
    "gzip": (gzip.compress(b"id,name\n" + ROWS, 1, mtime=0), {"compression": "GZIP"}),
    "bzip2, whose blocks are larger than the first piece": (
        bz2.compress(b"id,name\n" + ROWS),
        {"compression": "BZIP2"},
    ),
    "objects": (OBJECTS, {"content_type": "JSON"}),
    "objects, gzip": (gzip.compress(OBJECTS, 1, mtime=0), {"content_type": "JSON", "compression": "GZIP"}),
}


@pytest.mark.parametrize("case", CASES)
def test_it_is_that_of_the_whole_object(case: str) -> None:
    data, options = CASES[case]
    results, spec = Counting(), _spec(**options)
    assert head_of(results, _stored(results, data), spec) == head(io.BytesIO(data), spec)
    assert len(results.asked) <= 3
    assert all(length is not None and length <= 4 * MIB for _, length in results.asked)


@pytest.mark.parametrize("case", ["short", "header alone", "large", "gzip"])
def test_one_short_piece_tells_it_nearly_always(case: str) -> None:
    data, options = CASES[case]
    results = Counting()
    head_of(results, _stored(results, data), _spec(**options))
    assert results.asked == [(0, MIB // 4)]


@pytest.mark.parametrize(
    ("data", "options", "code"),
    [
        (b"", {}, "NO_DATA"),
        (b"[" + json.dumps("x" * MIB).encode() + b"]", {"content_type": "JSON"}, "JSON_ARRAY"),
        (gzip.compress(NOISE, mtime=0)[: MIB // 2], {"compression": "GZIP"}, None),
        (gzip.compress(b"id,name\n1,x\n", mtime=0)[:10], {"compression": "GZIP"}, "BROKEN_FILE"),
        (gzip.compress(b"id,name\n1,x\n", mtime=0), {}, "WRONG_COMPRESSION"),
    ],
)
def test_it_is_refused_as_the_whole_object_is(data: bytes, options: dict[str, Any], code: str | None) -> None:
    results, spec = Counting(), _spec(**options)
    upload = _stored(results, data)
    if code is None:
        assert head_of(results, upload, spec) == head(io.BytesIO(data), spec)
        return
    with pytest.raises(UploadError) as caught:
        head_of(results, upload, spec)
    assert caught.value.error.code == code


def test_an_upload_that_is_gone() -> None:
    results = Counting()
    with pytest.raises(WorkError) as caught:
        head_of(results, Upload(results.location("t", "j", Area.INPUT) + "data", 5, "etag"), _spec())
    assert caught.value.error.code == "UPLOAD_MISSING"
