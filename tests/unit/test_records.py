"""Uploads record by record: cut as they were written, numbered without a change, told of in order."""

from __future__ import annotations

import bz2
import csv
import gzip
import io
import json
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spectra.domain import Compression, LoadSpec
from spectra.records.cutting import UnclosedQuoteError, fields, records
from spectra.records.head import UploadError, head
from spectra.records.numbering import numbered, numbered_header
from spectra.records.reports import Failure, ReportWriter
from spectra.records.unpacking import BrokenFileError, packed_as, packer, unpacked

CSV = LoadSpec(operation="insert", object="t")
JSON = LoadSpec(operation="insert", object="t", content_type="JSON")
TEXT = st.text(
    st.sampled_from('a,"\n\r é;|x') | st.characters(exclude_categories=["Cs"], exclude_characters="\0\r"),
    max_size=8,
)
ROWS = st.lists(st.lists(TEXT, min_size=2, max_size=2), max_size=8)


def written(rows, ending="\n"):
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator=ending, quoting=csv.QUOTE_ALL).writerows([["a", "b"], *rows])
    return text.getvalue().encode()


class Dripping(io.RawIOBase):
    """A stream that gives a few bytes at a time."""

    def __init__(self, data, sizes):
        self.data, self.sizes, self.at = data, sizes, 0

    def readable(self):
        return True

    def read(self, size=-1):
        step = max(self.sizes[self.at % len(self.sizes)], 1)
        self.at += 1
        given, self.data = self.data[:step], self.data[step:]
        return given


@given(ROWS, st.sampled_from(["\n", "\r\n"]), st.lists(st.integers(1, 9), min_size=1, max_size=4))
def test_records_are_those_that_were_written(rows, ending, sizes) -> None:
    rows = [[field.replace("\r", "") for field in row] for row in rows]
    data = written(rows, ending)
    found = list(records(io.BytesIO(data), CSV))
    assert [record.ordinal for record in found] == list(range(1, len(rows) + 1))
    assert b"".join(record.data for record in found) == data[data.index(b"\n") + 1 :]
    assert [fields(record.data, ",") for record in found] == rows
    assert list(records(Dripping(data, sizes), CSV)) == found
    lines = [number for record in found for number in range(record.line, record.last_line + 1)]
    assert lines == list(range(2, data.count(b"\n") + 1))


@given(ROWS)
def test_numbering_changes_nothing_else(rows) -> None:
    rows = [[field.replace("\r", "") for field in row] for row in rows]
    data = written(rows)
    begin = head(io.BytesIO(data), CSV)
    out = numbered_header(begin.header, CSV, "n") + b"".join(
        numbered(record, CSV, "n") for record in records(io.BytesIO(data), CSV)
    )
    found = list(csv.reader(io.StringIO(out.decode(), newline="")))
    assert found == [["n", "a", "b"], *([str(i), *row] for i, row in enumerate(rows, 1))]
    assert out.count(b"\n") == data.count(b"\n")


@given(st.lists(st.dictionaries(TEXT, TEXT | st.integers() | st.none(), max_size=3), max_size=6))
def test_numbering_json(facts) -> None:
    data = "".join(json.dumps(fact, ensure_ascii=False) + "\n" for fact in facts).encode()
    found = [json.loads(numbered(r, JSON, "spectra_record")) for r in records(io.BytesIO(data), JSON)]
    assert found == [{"spectra_record": i} | fact for i, fact in enumerate(facts, 1)]


def test_what_is_no_object_stays_as_it_is() -> None:
    lines = [b"[1]\n", b"7", b'{"a": \n', b"{}\n", b'  {"a": 1}\n']
    made = [
        numbered(r, JSON, "n")
        for r in records(io.BytesIO(b"".join(x if x.endswith(b"\n") else x + b"\n" for x in lines)), JSON)
    ]
    assert made == [b"[1]\n", b"7\n", b'{"n":3,"a": \n', b'{"n":4}\n', b'{"n":5,"a": 1}\n']


@pytest.mark.parametrize(
    ("data", "count"),
    [
        (b"\xef\xbb\xbfa,b\n1,2\n", 1),
        (b"a,b\r1,2\r3,4\r", 2),
        (b"a,b\n\n\n1,2\n\n3,4", 2),
        (b"a,b\n1,2\n ,\n", 2),
        (b"a,b\n", 0),
        (b'a,b\n 1, "x\ny"\n', 1),
        (b'a,b\n1,x"y\n2,z\n', 2),
    ],
)
def test_how_files_end_their_lines(data, count) -> None:
    assert len(list(records(io.BytesIO(data), CSV))) == count


def test_a_quote_that_is_never_closed() -> None:
    with pytest.raises(UnclosedQuoteError) as told:
        list(records(io.BytesIO(b'a,b\n1,2\n3,"x\n5,6\n'), CSV))
    assert told.value.line == 3


@pytest.mark.parametrize("compression", list(Compression))
def test_packing_and_unpacking(compression) -> None:
    data = b"".join(b"%d,some text\n" % i for i in range(50_000))
    pack, flush = packer(compression)
    packed = b"".join([pack(data[:1000]), pack(data[1000:]), flush()])
    assert packed_as(packed) is compression
    with unpacked(io.BytesIO(packed), compression) as stream:
        assert stream.read() == data
    with unpacked(Dripping(packed, [7, 1, 90]), compression) as stream:
        assert stream.read(10) == data[:10]
    if compression is not Compression.NONE:
        for broken in (packed[:-3], packed[:10] + b"\0" * 9 + packed[19:], packed + b"junk"):
            with pytest.raises(BrokenFileError), unpacked(io.BytesIO(broken), compression) as stream:
                while stream.read(1 << 16):
                    pass


def test_members_of_gzip_follow_one_another() -> None:
    with unpacked(
        io.BytesIO(gzip.compress(b"a\n", mtime=0) + gzip.compress(b"b\n")), Compression.GZIP
    ) as stream:
        assert stream.read() == b"a\nb\n"


@pytest.mark.parametrize(
    ("data", "options", "code"),
    [
        (b"", {}, "NO_DATA"),
        (gzip.compress(b"", mtime=0), {"compression": "GZIP"}, "NO_DATA"),
        (b"a,b\n", {"compression": "GZIP"}, "WRONG_COMPRESSION"),
        (bz2.compress(b"a,b\n"), {}, "WRONG_COMPRESSION"),
        (gzip.compress(b"a,b\n", mtime=0)[:12], {"compression": "GZIP"}, "BROKEN_FILE"),
        ("a,b\n".encode("utf-16"), {}, "INVALID_ENCODING"),
        (b'[{"a": 1}]', {"content_type": "JSON"}, "JSON_ARRAY"),
        (b'"a\n', {}, "UNTERMINATED_QUOTE"),
    ],
)
def test_what_the_beginning_tells(data, options, code) -> None:
    with pytest.raises(UploadError) as told:
        head(io.BytesIO(data), LoadSpec(operation="insert", object="t", **options))
    assert told.value.error.code == code
    assert not told.value.error.retryable


def test_columns() -> None:
    assert head(io.BytesIO(b'\xef\xbb\xbfa,"b ""c"""\n1,2\n'), CSV).names == ("a", 'b "c"')
    assert head(io.BytesIO(b"a,b\n"), CSV).any is False
    alone = LoadSpec(operation="insert", object="t", header=False, delimiter=";")
    assert (head(io.BytesIO(b"1;2;3\n"), alone).names, head(io.BytesIO(b"1;2;3\n"), alone).width) == (None, 3)
    assert head(io.BytesIO(b'{"b": 1}\nbroken\n{"a": 2, "b": 3}\n'), JSON).names == ("b", "a")
    assert head(io.BytesIO(b"\n"), JSON).any is False
    long = b'{"a": "' + b"x" * 1000 + b'"}\n'
    assert head(io.BytesIO(long * 5000 + b'{"z": 1}\n'), JSON).names == ("a",)


def test_reports() -> None:
    data = b'a,b\n1,"x\ny"\n2,bad\n3,c\n'
    begin = head(io.BytesIO(data), CSV)
    report, rejected, rest = io.BytesIO(), io.BytesIO(), io.BytesIO()
    writer = ReportWriter(CSV, begin.names, begin.header, report=report, rejected=rejected, rest=rest)
    for record in records(io.BytesIO(data), CSV):
        writer.take(record, Failure("CAST", "no number", "b", "bad") if record.ordinal == 2 else None)
    writer.finish()
    assert (writer.failed, writer.others) == (1, 2)
    assert rejected.getvalue() == b"a,b\n2,bad\n"
    assert rest.getvalue() == b'a,b\n1,"x\ny"\n3,c\n'
    (told,) = csv.DictReader(io.StringIO(report.getvalue().decode(), newline=""))
    assert told == {
        "a": "2", "b": "bad", "spectra_record": "2", "spectra_line": "4", "spectra_column": "b",
        "spectra_value": "bad", "spectra_code": "CAST", "spectra_category": "validation",
        "spectra_retryable": "false", "spectra_message": "no number",
    }  # fmt: skip


def test_memory_does_not_grow_with_the_upload() -> None:
    def stream(count):
        pack, flush = packer(Compression.GZIP)
        line = b"1,some text that is long enough to be worth a look\n"
        return io.BytesIO(pack(b"a,b\n") + b"".join(pack(line * 1000) for _ in range(count)) + flush())

    peaks = []
    for count in (60, 600):
        source = stream(count)
        tracemalloc.start()
        with unpacked(source, Compression.GZIP) as plain:
            assert sum(1 for _ in records(plain, CSV)) == count * 1000
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.5 * peaks[0] + 1_000_000


def test_a_head_longer_than_a_glance_is_read_on() -> None:
    """Of 64 KiB the header alone, or a quote that is open, tells nothing yet; and little is read of the rest."""

    class Counting(io.BytesIO):
        taken = 0

        def readinto(self, buffer):
            taken = super().readinto(buffer)
            self.taken += taken
            return taken

    spec = LoadSpec(operation="insert", object="t")
    wide = ",".join(f"column_{n}" for n in range(20_000)).encode()
    for data, names in (
        (wide + b"\n" + b"," * 19_999 + b"\n" + b"," * 19_999 + b"\n", 20_000),
        (b'id,"na\n' + b"x" * 100_000 + b'me"\n1,2\n', 2),
        (b"id,name\n" + b"\n" * 100_000 + b"1,2\n", 2),
    ):
        found = head(io.BytesIO(data), spec)
        assert (len(found.names), found.any) == (names, True)
    assert not head(io.BytesIO(b"id,name\n" + b"\n" * 100_000), spec).any
    with pytest.raises(UploadError) as caught:
        head(io.BytesIO(b'id,"name\n' + b"x\n" * 100_000), spec)
    assert caught.value.error.code == "UNTERMINATED_QUOTE"
    raw = Counting(b"id,name\n" + b"1,2\n" * 1_000_000)
    assert head(io.BufferedReader(raw), spec).any
    assert raw.taken <= 1 << 18
