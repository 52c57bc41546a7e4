"""What the two executors of this machine have in common, beyond `ExecutorContract`."""

from __future__ import annotations

import csv
import gzip
import io
import json
import threading
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import attrs
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from spectra.domain import Effect, ExportSpec, Files, LoadSpec, Session, Spec, Upload
from spectra.errors import ClosedError, ExecutorError, InvalidCursorError, InvalidSpecError, QueryTimeoutError
from spectra.ports import Area, Execution, Executor, Query, QueryRunner, ResultStore, Status, Task

NOW = datetime(2026, 1, 1, tzinfo=UTC)
ITEMS = "create table items (id integer primary key, name varchar(40) not null, price double)"
HEADER = "id,name,price\n"


@attrs.define
class Harness:
    """An executor, the store of its files, and the host's way to its tables."""

    executor: Any
    results: ResultStore
    endless: str
    jobs: int = 0

    def sql(self, statement: str) -> list[tuple[Any, ...]]:
        connection = self.executor.connect()
        try:
            return [tuple(row) for row in connection.execute(statement).fetchall()]
        finally:
            connection.close()

    def items(self) -> list[tuple[Any, ...]]:
        return self.sql("select id, name, price from items order by id")

    def task(
        self, spec: Spec, data: bytes | str | None = None, *, job: str | None = None, attempt: int = 1
    ) -> Task:
        if job is None:
            self.jobs += 1
            job = f"job-{self.jobs}"
        upload = None
        if data is not None:
            location = self.results.location("acme", job, Area.INPUT) + "data"
            with self.results.open_write(location) as writer:
                writer.write(data.encode() if isinstance(data, str) else data)
            info = self.results.stat(location)
            upload = Upload(location, info.bytes, info.etag)
        return Task(
            tenant_id="acme",
            job_id=job,
            attempt=attempt,
            spec=spec,
            results=self.results.location("acme", job, Area.RESULTS, attempt),
            failed=self.results.location("acme", job, Area.FAILED, attempt),
            claimed_at=NOW,
            session=Session(),
            upload=upload,
        )

    def done(self, task: Task) -> Execution:
        self.executor.start(task)
        until = time.monotonic() + 30
        while time.monotonic() < until:
            execution = self.executor.poll(task, wait=5)
            if execution.status is not Status.RUNNING:
                return execution
        raise AssertionError("the work does not end")

    def load(self, data: bytes | str, **options: Any) -> Execution:
        return self.done(self.task(LoadSpec(**{"operation": "insert", "object": "items", **options}), data))

    def export(self, query: str, **options: Any) -> Execution:
        return self.done(self.task(ExportSpec(query=query, **options)))

    def read(self, files: Files | None) -> bytes:
        assert files is not None
        found = b""
        for part in files.parts:
            with self.results.open_read(part.location) as stream:
                data = stream.read()
            assert len(data) == part.bytes
            found += data
        assert files.bytes == len(found)
        assert files.rows == sum(part.rows for part in files.parts)
        return found

    def failed(self, execution: Execution) -> list[tuple[Any, ...]]:
        """Record, line, column and code of each failed record."""
        if execution.failed_records is None:
            return []
        rows = list(csv.DictReader(io.StringIO(self.read(execution.failed_records).decode())))
        assert len(rows) == execution.failed_records.rows
        return [
            (int(r["spectra_record"]), int(r["spectra_line"]), r["spectra_column"], r["spectra_code"])
            for r in rows
        ]

    def rejected(self, execution: Execution) -> bytes:
        assert execution.rejected_input is not None
        with self.results.open_read(execution.rejected_input.location) as stream:
            return stream.read()


class LocalExecutors:
    """Beyond the contract: codes, columns, lines, states, constraints, and what the two have in common."""

    @pytest.fixture
    def harness(self) -> Harness:
        raise NotImplementedError

    @pytest.fixture
    def house(self, harness: Harness) -> Harness:
        harness.sql(ITEMS)
        return harness

    # ---- EX1, EX2: starting and polling ---------------------------------------------------------

    # ---- EX3: exports ---------------------------------------------------------------------------

    def test_ex3_files_lie_below_the_task(self, house: Harness) -> None:
        task = house.task(ExportSpec(query="select 1 as a"))
        execution = house.done(task)
        assert all(part.location.startswith(task.results + "part-") for part in execution.results.parts)
        assert (execution.counts.total, execution.counts.succeeded) == (1, 1)

    @pytest.mark.parametrize("compression", ["NONE", "GZIP"])
    def test_ex3_csv(self, house: Harness, compression: str) -> None:
        query = "select 1 as id, 'a,b' as x, 'say \"hi\"' as y, null as z, 'line\nbreak' as w"
        execution = house.export(query, compression=compression)
        data = house.read(execution.results)
        text = (gzip.decompress(data) if compression == "GZIP" else data).decode()
        assert list(csv.reader(io.StringIO(text, newline=""))) == [
            ["id", "x", "y", "z", "w"],
            ["1", "a,b", 'say "hi"', "", "line\nbreak"],
        ]
        assert [column.name for column in execution.results.columns] == ["id", "x", "y", "z", "w"]

    def test_ex3_csv_options(self, house: Harness) -> None:
        execution = house.export(
            "select 1 as a, null as b, '' as c",
            delimiter="|",
            header=False,
            line_ending="CRLF",
            null_token="\\N",
        )
        data = house.read(execution.results)
        assert data.endswith(b"\r\n")
        row = next(csv.reader([data.decode().rstrip("\r\n")], delimiter="|"))
        assert row == ["1", "\\N", ""]

    @pytest.mark.parametrize("kind", ["CSV", "JSON"])
    def test_ex3_no_rows_are_a_success_with_a_schema(self, house: Harness, kind: str) -> None:
        execution = house.export("select id, name from items where id < 0", content_type=kind)
        assert execution.status is Status.SUCCEEDED
        assert [column.name for column in execution.results.columns] == ["id", "name"]
        assert house.read(execution.results) == (b"id,name\n" if kind == "CSV" else b"")
        assert execution.results.rows == 0

    def test_ex3_equal_names_are_made_different(self, house: Harness) -> None:
        execution = house.export("select 1 as a, 2 as a", content_type="JSON")
        (line,) = house.read(execution.results).decode().splitlines()
        facts = json.loads(line)
        assert sorted(facts.values()) == [1, 2]
        assert [column.name for column in execution.results.columns] == list(facts)

    def test_ex3_many_rows_keep_their_order(self, house: Harness) -> None:
        house.load(HEADER + "".join(f"{i},n,\n" for i in range(20_000)))
        execution = house.export("select id from items order by id desc", compression="GZIP")
        lines = gzip.decompress(house.read(execution.results)).split()
        assert [int(line) for line in lines[1:]] == list(range(19_999, -1, -1))

    @pytest.mark.parametrize(
        ("query", "state", "category", "word"),
        [
            ("select id, nmae from items", "42703", "validation", "nmae"),
            ("select * from itmes", "42P01", "resource", "itmes"),
            ("select id from items wher id = 1 2", "42601", "validation", None),
        ],
    )
    def test_ex3_a_statement_that_fails_says_why_and_where(
        self, house: Harness, query: str, state: str, category: str, word: str | None
    ) -> None:
        task = house.task(ExportSpec(query=query))
        execution = house.done(task)
        assert (execution.status, execution.results) == (Status.FAILED, None)
        error = execution.error
        assert (error.category, error.details["sql_state"], error.retryable) == (category, state, False)
        if word is not None:
            assert word in error.message
            assert query[error.details["position"] - 1 :].startswith(word)

    # ---- EX4: loads -----------------------------------------------------------------------------

    @pytest.mark.parametrize(
        "data",
        [
            "\ufeff" + HEADER + "1,a,\n2,b,\n",
            HEADER + "1,a,\n2,b,",
            HEADER.replace("\n", "\r\n") + "1,a,\r\n2,b,\r\n",
            HEADER.replace("\n", "\r") + "1,a,\r2,b,\r",
            HEADER + "1,a,\r\n2,b,\n",
            "\n\n" + HEADER + "\n1,a,\n\n\n2,b,\n\n",
            'id,"name",price\n"1","a",""\n2,b,\n',
        ],
    )
    def test_ex4_line_endings_and_such(self, house: Harness, data: str) -> None:
        execution = house.load(data)
        assert execution.status is Status.SUCCEEDED, execution.error
        assert house.items() == [(1, "a", None), (2, "b", None)]

    def test_ex4_strange_names(self, harness: Harness) -> None:
        harness.sql(
            'create table "we ird.t""x" ("t0" integer, "f" integer, "é ""q" varchar, "select" integer)'
        )
        execution = harness.load('f,t0,"é ""q",select\n1,2,x,3\n', object='"we ird.t""x"')
        assert execution.status is Status.SUCCEEDED, execution.error
        assert harness.sql('select t0, f, "é ""q", "select" from "we ird.t""x"') == [(2, 1, "x", 3)]

    def test_ex4_is_applied_once_whatever_the_attempts(self, house: Harness) -> None:
        spec = LoadSpec(operation="insert", object="items", max_failed_records=1)
        first = house.task(spec, HEADER + "1,a,\nx,b,\n", job="once")
        counts = house.done(first).counts
        second = attrs.evolve(first, attempt=2, failed=first.failed.replace("1", "2"))
        again = house.done(second)
        assert (again.status, again.counts) == (Status.SUCCEEDED, counts)
        assert again.failed_records is not None
        assert house.executor.poll(attrs.evolve(first, attempt=3)).status is Status.SUCCEEDED
        assert house.executor.cancel(second) is Effect.APPLIED
        assert len(house.items()) == 1

    # ---- EX5: failed records --------------------------------------------------------------------

    def test_ex5_bad_records_are_set_aside_in_order(self, house: Harness) -> None:
        data = (
            HEADER
            + '1,a,1\nx,b,2\n3,"q\nr",3\n4,,4\n\n5,e,dear\n6\n7,g,7,7\n1.5,h,8\n1,again,9\n9,"line\n\nbreak",10\n'
        )
        execution = house.load(data, max_failed_records=7)
        assert execution.status is Status.SUCCEEDED, execution.error
        assert house.failed(execution) == [
            (2, 3, "id", "CAST"),
            (4, 6, "name", "NOT_NULL"),
            (5, 8, "price", "CAST"),
            (6, 9, "", "MISSING_FIELDS"),
            (7, 10, "", "TOO_MANY_FIELDS"),
            (8, 11, "id", "CAST"),
            (9, 12, "", "UNIQUE_VIOLATION"),
        ]
        assert house.rejected(execution).decode() == (
            HEADER + "x,b,2\n4,,4\n5,e,dear\n6\n7,g,7,7\n1.5,h,8\n1,again,9\n"
        )
        assert attrs.astuple(execution.counts) == (10, 3, 7, 0)
        assert [row[0] for row in house.items()] == [1, 3, 9]

    def test_ex5_the_budget_is_exact(self, house: Harness) -> None:
        data = HEADER + "1,a,\nx,b,\n2,c,\ny,d,\nz,e,\n3,f,\n"
        for budget, status in ((3, Status.SUCCEEDED), (2, Status.FAILED), (0, Status.FAILED)):
            house.sql("delete from items")
            execution = house.load(data, max_failed_records=budget)
            assert execution.status is status
            reported = [(2, 3, "id", "CAST"), (4, 5, "id", "CAST"), (5, 6, "id", "CAST")]
            assert house.failed(execution) == reported[: budget + 1]
            if status is Status.SUCCEEDED:
                assert len(house.items()) == 3
                continue
            assert house.items() == []
            assert (execution.error.code, execution.error.category) == (
                "TOO_MANY_FAILED_RECORDS",
                "validation",
            )
            counts = execution.counts
            assert (counts.total, counts.succeeded, counts.failed) == (6, 0, budget + 1)
            assert counts.unprocessed == 6 - counts.failed
            rest = house.read(execution.unprocessed_records).decode().splitlines()
            assert len(rest) == 1 + counts.unprocessed

    def test_ex5_rejected_input_can_be_loaded_again(self, house: Harness) -> None:
        first = house.load(HEADER + "1,a,\nx,b,\n", max_failed_records=1)
        again = house.load(house.rejected(first), max_failed_records=1)
        assert house.failed(again) == [(1, 2, "id", "CAST")]

    def test_ex5_json_lines(self, house: Harness) -> None:
        data = '{"id":1,"name":"a"}\n{"id":"x","name":"b"}\n\n[1]\n{"id":\n{"id":5}\n{"id":6.5,"name":"c"}\n'
        execution = house.load(data, content_type="JSON", max_failed_records=9)
        assert house.failed(execution) == [
            (2, 2, "id", "CAST"),
            (3, 4, "", "MALFORMED"),
            (4, 5, "", "MALFORMED"),
            (5, 6, "name", "NOT_NULL"),
            (6, 7, "id", "CAST"),
        ]
        assert house.rejected(execution).count(b"\n") == 5

    def test_ex5_bad_encoding_is_a_failed_record(self, house: Harness) -> None:
        execution = house.load(b"id,name,price\n1,\xff,\n2,b,\n", max_failed_records=1)
        assert [row[0:2] + row[3:] for row in house.failed(execution)] == [(1, 2, "INVALID_ENCODING")]
        assert house.rejected(execution) == b"id,name,price\n1,\xff,\n"
        assert house.items() == [(2, "b", None)]

    def test_ex5_keys(self, house: Harness) -> None:
        house.load(HEADER + "1,a,1\n2,b,2\n3,c,3\n")
        data = "id,price\n1,9\n7,8\n,5\n2,1\n2,2\n"
        options: Mapping[str, Any] = {"operation": "update", "key_columns": ("id",)}
        execution = house.load(data, max_failed_records=4, **options)
        assert house.failed(execution) == [
            (2, 3, "", "NOT_FOUND"),
            (3, 4, "id", "NULL_KEY"),
            (4, 5, "", "DUPLICATE_KEY"),
            (5, 6, "", "DUPLICATE_KEY"),
        ]
        for policy, price in (("first", 1.0), ("last", 2.0)):
            execution = house.load(
                "id,price\n7,8\n2,1\n2,2\n", on_duplicate_key=policy, on_missing_key="ignore", **options
            )
            assert attrs.astuple(execution.counts) == (3, 1, 0, 2)
            assert len(execution.warnings) == 2
            assert house.items()[1] == (2, "b", price)

    @pytest.mark.parametrize(
        ("data", "options", "code"),
        [
            (HEADER + "1,a,\n", {"object": "nothing"}, "QUERY_ERROR"),
            ("id,name,colour\n1,a,b\n", {}, "UNKNOWN_COLUMN"),
            ("id,name,ID\n1,a,1\n", {}, "DUPLICATE_COLUMN"),
            ("id,price\n1,2\n", {}, "MISSING_COLUMN"),
            ("name\na\n", {"operation": "update", "key_columns": ("id",)}, "MISSING_COLUMN"),
            ("id,name\n1,a\n", {"operation": "delete", "key_columns": ("id",)}, "UNKNOWN_COLUMN"),
            ("id,name\n1,a\n", {"operation": "upsert", "key_columns": ("x",)}, "UNKNOWN_COLUMN"),
            ("id\n1\n", {"operation": "update", "key_columns": ("id",)}, "MISSING_COLUMN"),
            (HEADER + '1,"a,\n2,b,\n', {"max_failed_records": 9}, "UNTERMINATED_QUOTE"),
            (gzip.compress(b"id,name\n1,a\n" * 99, mtime=0)[:-9], {"compression": "GZIP"}, "BROKEN_FILE"),
            ("id,name\n1,a\n", {"compression": "GZIP"}, "WRONG_COMPRESSION"),
            (gzip.compress(b"id,name\n1,a\n", mtime=0), {}, "WRONG_COMPRESSION"),
            ('[{"id": 1, "name": "a"}]', {"content_type": "JSON"}, "JSON_ARRAY"),
            ('{"id": 1, "name": "a", "x": 2}', {"content_type": "JSON"}, "UNKNOWN_COLUMN"),
            ("1,a\n", {"header": False}, "MISSING_COLUMN"),
        ],
    )
    def test_ex5_uploads_that_are_wrong_as_a_whole(
        self, house: Harness, data: bytes | str, options: Mapping[str, Any], code: str
    ) -> None:
        house.sql("insert into items values (1, 'old', 1)")
        execution = house.load(data, **options)
        assert execution.status is Status.FAILED
        assert (execution.error.code, execution.error.retryable) == (code, False), execution.error
        assert execution.failed_records is None
        assert house.items() == [(1, "old", 1.0)]
        # Where the host keeps files is nobody's business.
        assert "/tmp" not in execution.error.message

    def test_ex5_a_header_alone(self, house: Harness) -> None:
        execution = house.load(HEADER)
        assert (execution.status, execution.counts.total) == (Status.SUCCEEDED, 0)
        assert execution.warnings

    # The test is inherited, and cleans its own table: both are as meant.
    @settings(
        max_examples=25,
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.differing_executors],
    )
    @given(
        operation=st.sampled_from(["insert", "update", "upsert", "delete"]),
        policy=st.sampled_from(["error", "first", "last"]),
        missing=st.sampled_from(["reject", "ignore"]),
        budget=st.integers(0, 6),
        kind=st.sampled_from(["CSV", "JSON"]),
        records=st.lists(
            st.tuples(
                st.one_of(st.integers(0, 6).map(str), st.sampled_from(["", "x", "2.5"])),
                st.sampled_from(["a", "two\nlines", 'q"', "", "é,"]),
                st.sampled_from(["", "1.5", "bad"]),
            ),
            max_size=8,
        ),
    )
    def test_ex4_ex5_like_a_model(
        self,
        house: Harness,
        operation: str,
        policy: str,
        missing: str,
        budget: int,
        kind: str,
        records: Sequence[tuple[str, str, str]],
    ) -> None:
        before = {1: ("one", 1.0), 2: ("two", None), 3: ("three", 3.0)}
        house.sql("delete from items")
        house.sql("insert into items values (1, 'one', 1), (2, 'two', null), (3, 'three', 3)")
        options: dict[str, Any] = {"operation": operation, "max_failed_records": budget, "content_type": kind}
        if operation != "insert":
            options |= {"key_columns": ("id",), "on_duplicate_key": policy, "on_missing_key": missing}
        names = ["id"] if operation == "delete" else ["id", "name", "price"]
        rows = [record[: len(names)] for record in records]
        execution = house.load(_encoded(kind, names, rows), **options)
        after, codes, idle = _model(before, operation, policy, missing, rows)
        if len(codes) > budget:
            assert execution.status is Status.FAILED
            after, codes = before, codes[: budget + 1]
        else:
            assert execution.status is Status.SUCCEEDED, execution.error
            expected = (len(rows), len(rows) - len(codes) - idle, len(codes), idle)
            assert attrs.astuple(execution.counts) == expected
        assert [(row[0], row[3]) for row in house.failed(execution)] == codes
        assert {row[0]: (row[1], row[2]) for row in house.items()} == after

    # ---- EX6: cancelling ------------------------------------------------------------------------

    # ---- EX7 and the rest -----------------------------------------------------------------------

    def test_ex7_labels(self, house: Harness) -> None:
        task = house.task(ExportSpec(query="select 1 as a"), job="j")
        assert task.label == "spectra:acme/j/1"

    def test_known_and_forget(self, house: Harness) -> None:
        task = house.task(LoadSpec(operation="insert", object="items"), HEADER + "1,a,\n", job="j1")
        house.done(task)
        running = house.task(ExportSpec(query=house.endless), job="j2")
        house.executor.start(running)
        later = datetime.now(UTC) + timedelta(days=1)
        known = {item.job_id: item for item in house.executor.known(older_than=later).items}
        assert (known["j1"].tenant_id, known["j1"].running, known["j1"].state) == ("acme", False, "applied")
        assert known["j2"].running
        house.executor.cancel(running)
        house.executor.forget("acme", "j1")
        house.executor.forget("acme", "j1")
        house.executor.forget("acme", "j2")
        assert house.executor.known(older_than=later).items == ()
        with pytest.raises(InvalidCursorError):
            house.executor.known(older_than=later, cursor="nonsense")

    def test_known_comes_in_pages(self, house: Harness) -> None:
        tasks = [
            house.task(LoadSpec(operation="insert", object="items"), HEADER, job=f"j{i:04}")
            for i in range(120)
        ]
        for task in tasks:
            house.executor.cancel(task)
        seen, cursor = [], None
        for _ in range(20):
            page = house.executor.known(older_than=datetime.now(UTC) + timedelta(days=1), cursor=cursor)
            seen += [item.job_id for item in page.items]
            cursor = page.next_cursor
            if cursor is None:
                break
        assert seen == [task.job_id for task in tasks]

    def test_check_refuses_what_is_not_had(self, house: Harness) -> None:
        with pytest.raises(InvalidSpecError):
            house.executor.check(ExportSpec(query="select 1", compression="BZIP2"), Session())
        house.executor.check(ExportSpec(query="select 1", compression="GZIP"), Session())


class LocalRunners:
    """Beyond the contract: SQL states."""

    def query(
        self, house: Harness, sql: str, *, limit: int = 10, timeout: float = 30, **parameters: Any
    ) -> Any:
        runner: QueryRunner = house.executor
        return runner.query(
            Query(
                tenant_id="acme", sql=sql, limit=limit, timeout=timeout, query_id="q1", parameters=parameters
            )
        )

    def test_ex8_a_statement_that_fails(self, house: Harness) -> None:
        with pytest.raises(ExecutorError) as failed:
            self.query(house, "select nope from items")
        assert failed.value.job_error.details["sql_state"] == "42703"

    def test_ex8_closing_ends_what_runs(self, house: Harness) -> None:
        told: list[BaseException] = []

        def ask() -> None:
            try:
                self.query(house, house.endless, timeout=300)
            except BaseException as exc:
                told.append(exc)

        threads = [threading.Thread(target=ask) for _ in range(3)]
        for thread in threads:
            thread.start()
        time.sleep(0.3)
        house.executor.close()
        for thread in threads:
            thread.join(20)
        assert not any(thread.is_alive() for thread in threads)
        assert [type(exc) for exc in told] == [ClosedError] * 3


def _encoded(kind: str, names: Sequence[str], rows: Sequence[Sequence[str]]) -> bytes:
    if kind == "CSV":
        text = io.StringIO(newline="")
        writer = csv.writer(text, lineterminator="\n", quoting=csv.QUOTE_ALL)
        writer.writerow(names)
        writer.writerows(rows)
        return text.getvalue().encode()
    facts = [{name: value or None for name, value in zip(names, row, strict=True)} for row in rows]
    text = "".join(json.dumps(fact) + "\n" for fact in facts)
    # A first object that fails nothing would be another record; so an empty file has a blank line.
    return text.encode() or b"\n"


def _model(
    before: dict[int, tuple[str, float | None]],
    operation: str,
    policy: str,
    missing: str,
    rows: Sequence[Sequence[str]],
) -> tuple[dict[int, tuple[Any, Any]], list[tuple[int, str]], int]:
    """The table afterwards, (record, code) of the failures, and how many records had no effect."""
    after: dict[int, tuple[Any, Any]] = dict(before)
    codes: dict[int, str] = {}
    good: dict[int, tuple[int, Any, Any]] = {}
    for ordinal, row in enumerate(rows, 1):
        key, name, price = (*row, None, None)[:3]
        if key and not key.isdigit():
            codes[ordinal] = "CAST"
        elif price == "bad":
            codes[ordinal] = "CAST"
        elif not key:
            codes[ordinal] = "NOT_NULL" if operation == "insert" else "NULL_KEY"
        elif operation != "delete" and not name:
            codes[ordinal] = "NOT_NULL"
        else:
            good[ordinal] = (int(key), name, float(price) if price else None)
    idle = 0
    if operation == "insert":
        taken = set(before)
        for ordinal, (key, *_) in list(good.items()):
            if key in taken:
                codes[ordinal] = "UNIQUE_VIOLATION"
                del good[ordinal]
            taken.add(key)
    else:
        by_key: dict[int, list[int]] = {}
        for ordinal, (key, *_) in good.items():
            by_key.setdefault(key, []).append(ordinal)
        for ordinals in by_key.values():
            if len(ordinals) == 1:
                continue
            kept = {"error": None, "first": ordinals[0], "last": ordinals[-1]}[policy]
            for ordinal in ordinals:
                if kept is None:
                    codes[ordinal] = "DUPLICATE_KEY"
                elif ordinal != kept:
                    idle += 1
                if ordinal != kept:
                    del good[ordinal]
        if operation != "upsert":
            for ordinal, (key, *_) in list(good.items()):
                if key not in before:
                    del good[ordinal]
                    if missing == "ignore":
                        idle += 1
                    else:
                        codes[ordinal] = "NOT_FOUND"
    for key, name, price in good.values():
        if operation == "delete":
            after.pop(key, None)
        else:
            after[key] = (name, price)
    return after, sorted(codes.items()), idle
