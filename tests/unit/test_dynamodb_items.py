"""Jobs as items of DynamoDB: exact, small, and readable for ever."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from spectra.adapters.aws.dynamodb.items import ATTRIBUTES, from_item, to_item
from spectra.adapters.aws.dynamodb.layout import (
    AFTER,
    at_of,
    due_text,
    lane_of,
    lanes_of,
    read_at,
)
from spectra.adapters.aws.dynamodb.statements import digest_of, owner_of, statement_item, text_of
from spectra.codec import SCHEMA, to_document
from spectra.domain import Column, ExportSpec, Files, Job, JobState, Upload
from spectra.errors import BackendError, NewerSchemaError
from spectra.testing import strategies
from spectra.testing.samples import (
    KEPT,
    START,
    aborted,
    after,
    claimed,
    completed,
    export,
    load,
    rich,
    settled,
    uploaded,
)
from tests.dynamodb_units import ITEM_BYTES, item_bytes
from tests.largest import CONTROL, largest_life

SAMPLES = Path(__file__).parent / "samples"


def item_of(job, **more):
    facts = {"token": b"token678", "seated": False, "wake": False, "statement": None, **more}
    return to_item(job, **facts)


@given(strategies.jobs())
@example(rich())
@example(completed(claimed(uploaded(load(operation="upsert")))))
def test_nothing_is_lost(job: Job) -> None:
    assert from_item(item_of(job)) == job
    assert from_item(item_of(job, seated=True, wake=True)) == job


def test_a_large_statement_stands_apart() -> None:
    job = export(query="select 'ü' as a, " + ", ".join(f"column_{n}" for n in range(300)) + " from t")
    digest = digest_of(job)
    item = item_of(job, statement=digest)
    apart = statement_item(job, digest)
    assert "q" not in item
    assert item["qd"] == {"S": digest}
    assert owner_of(apart) == ("t", "j")
    assert item_bytes(apart) < len(job.spec.query) / 2
    assert from_item(item, statement=text_of(apart)) == job
    with pytest.raises(BackendError, match="statement is gone"):
        from_item(item)


@pytest.mark.parametrize(("query", "large"), [("x" * 1024, False), ("x" * 1025, True), ("ü" * 513, True)])
def test_what_is_large(query: str, large: bool) -> None:
    assert (digest_of(export(query=query)) is not None) is large


@pytest.mark.parametrize(("bytes_of_text", "large"), [(900, False), (1024, True)])
def test_parameters_count_with_the_statement(bytes_of_text: int, large: bool) -> None:
    job = export(parameters={"a": "x" * bytes_of_text, "d": Decimal("1.10"), "at": START, "n": None})
    digest = digest_of(job)
    assert (digest is not None) is large
    if digest is not None:
        item = item_of(job, statement=digest)
        assert item_bytes(item) < 512
        assert from_item(item, statement=text_of(statement_item(job, digest))) == job
        assert digest != digest_of(export(parameters={**job.spec.parameters, "n": 1}))
    assert from_item(item_of(job)) == job


def test_digests_differ_with_the_statement() -> None:
    one, two = (export(query="x" * 2000 + last) for last in "ab")
    assert digest_of(one) != digest_of(two)
    assert digest_of(load()) is None


@pytest.mark.parametrize("end", ["complete", "fail", "abort"])
@pytest.mark.parametrize("characters", [CONTROL, "\x01", '"', "\\", "\U0001d11e"], ids=ascii)
def test_every_job_fits_into_an_item(characters: str, end: str) -> None:
    for job in largest_life(characters, end):
        item = item_of(job, seated=True, wake=True, statement=digest_of(job))
        assert item_bytes(item) < ITEM_BYTES * 3 / 4
        assert from_item(item, statement=text_of(statement_item(job, digest_of(job)))) == job
        assert item_bytes(statement_item(job, digest_of(job))) < ITEM_BYTES * 3 / 4


@given(st.text(st.sampled_from('\x01\x1f\\u01"n/é'), max_size=12))
def test_control_characters_stand_for_themselves(text: str) -> None:
    job = export(labels={"a": text})
    item = item_of(job)
    assert len(item.get("lb", {"S": ""})["S"]) <= 10 + 2 * len(text)
    assert from_item(item) == job


def test_absent_instead_of_null_and_of_defaults() -> None:
    item = item_of(export())
    assert not [value for value in item.values() if value == {"NULL": True}]
    assert set(item) == {"pk", "sk", "op", "q", "hi", "st", "v", "a", "sv", "ca", "ua", "lane", "at", "w"}


def test_unknown_fields_are_kept_wherever_they_stand() -> None:
    document = to_document(completed(claimed(uploaded(load()))))
    document["later"] = {"a": [1, 2.5, None]}
    document["counts"]["skipped"] = 7
    document["upload"]["sha256"] = "x"
    document["spec"]["quoting"] = "always"
    from spectra.codec import from_document

    job = from_document(document)
    read = from_item(item_of(job))
    assert (read, read.unknown_fields) == (job, job.unknown_fields)


def test_results_keep_their_columns_parts_and_places() -> None:
    place = "s3://bucket/spectra/t/j/results/~1/"
    files = Files(manifest=place + "m.json", columns=(Column("a", "integer"),), bytes=3, rows=1)
    job = claimed(export()).complete(
        at=after(2), retention=KEPT, counts=completed(claimed(export())).counts, results=files
    )
    item = item_of(job)
    assert place not in item["r"]["S"]
    assert "/*/" in item["r"]["S"]
    assert from_item(item).results == files


def test_a_location_that_has_the_mark_is_left_as_it_is() -> None:
    job = load().close_upload(at=after(1), retention=KEPT, upload=Upload("s3://b/*/t/j/in", 1, "e"))
    assert from_item(item_of(job)).upload == job.upload


def test_a_history_that_does_not_follow_the_states_is_kept_as_it_is() -> None:
    job = completed(claimed(export()))
    strange = job.evolved(history=(*job.history[1:], job.history[0]))
    item = item_of(strange)
    assert "S" in item["hi"]
    assert from_item(item) == strange
    assert "L" in item_of(job)["hi"]


# ---- the index -----------------------------------------------------------------------------------------


@given(strategies.jobs())
def test_the_lane_says_whether_somebody_works_on_it(job: Job) -> None:
    item = item_of(job)
    assert ("lane" in item) == ("at" in item) == (job.due_at is not None)
    if job.due_at is not None:
        live = not job.is_terminal or job.is_settling
        assert item["lane"]["S"] == lane_of(job) == lanes_of(job.tenant_id)[0 if live else 1]
        assert read_at(at_of(job))[:3] == (job.tenant_id, job.due_at, job.job_id)


def test_phases() -> None:
    running = claimed(export())
    jobs = [load(), export(), running, aborted(running), completed(running), settled(aborted(running))]
    assert "".join(read_at(at_of(job))[3] for job in jobs) == "OUISKK"


@pytest.mark.parametrize(
    ("early", "late"),
    [
        (datetime(1, 1, 1, tzinfo=UTC), START),
        (START, START + timedelta(milliseconds=1)),
        (START.replace(microsecond=999_000), START + timedelta(seconds=1)),
        (START, datetime(9999, 12, 31, 23, 59, 59, 999_000, tzinfo=UTC)),
    ],
)
def test_instants_sort_as_texts(early: datetime, late: datetime) -> None:
    assert due_text(early) < due_text(late)
    assert len(due_text(early)) == len(due_text(late)) == 17
    assert read_at(f"t#1#{due_text(early)}#j#U")[1] == early


@pytest.mark.parametrize("other", ["a-b", "a.b", "a_b", "a0", "aa", "aZ", "b"])
def test_no_tenant_stands_between_another_and_its_end(other: str) -> None:
    assert f"a#0#{due_text(START)}" < "a#0" + AFTER < f"a#1#{due_text(START)}" < f"{other}#0#" < "~"


# ---- what cannot be read -------------------------------------------------------------------------------


def test_a_newer_schema_is_left_alone() -> None:
    item = item_of(export()) | {"sv": {"N": str(SCHEMA + 1)}, "st": {"S": "Paused"}, "hi": {"S": "%"}}
    with pytest.raises(NewerSchemaError):
        from_item(item)


@pytest.mark.parametrize(
    "damage",
    [
        {"hi": {"S": "["}},
        {"hi": {"L": [{"S": "create"}]}},
        {"hi": {"L": [{"L": []}]}},
        {"hi": {"L": [{"L": [{"NULL": True}]}]}},
        {"hi": {"L": [{"L": [{"S": "create"}, {"S": "today"}]}]}},
        {"op": {"S": "merge"}},
        {"st": {"S": "Lost"}},
        {"v": {"N": "-1"}},
        {"sv": {"N": "1.5"}},
        {"ca": {"N": "x"}},
        {"ca": {"N": "999999999999999999"}},
        {"at": {"S": "?"}},
        {"at": {"S": "t#1#20261301000000000#j#U"}},
        {"l": {"S": "[1]"}},
        {"c": {"S": "[1,2]"}},
        {"c": {"S": "[1.5,1.5]"}},
        {"pr": {"S": "[-1]"}},
        {"pr": {"S": "7"}},
        {"wn": {"S": "7"}},
        {"x": {"S": "[1]"}},
    ],
    ids=str,
)
def test_damage_is_told_with_the_place(damage: dict) -> None:
    with pytest.raises(BackendError):
        from_item(item_of(export()) | damage)


def test_ttl_is_a_net_seven_days_later() -> None:
    job = completed(claimed(export()))
    seconds = int(item_of(job)["ttl"]["N"])
    assert (
        timedelta(0)
        < datetime.fromtimestamp(seconds, UTC) - (job.ttl + timedelta(days=7))
        <= timedelta(seconds=1)
    )
    assert "ttl" not in item_of(claimed(export()))


# ---- for ever ------------------------------------------------------------------------------------------


def test_items_of_the_first_layout_are_read_as_they_were() -> None:
    """Frozen: what a deployed table holds. Never write this file again; add a new one beside it."""
    for sample in json.loads((SAMPLES / "dynamodb-items-1.json").read_text()):
        job = from_item(sample["item"])
        assert json.loads(json.dumps(to_document(job))) == sample["document"]


def test_a_short_export_stays_below_a_kilobyte() -> None:
    """So that each of its writes costs one unit; its statement has 480 bytes."""
    job = Job.new(
        tenant_id="tenant-123",
        job_id="bulk-job-0198f6aa-0000-7000-8000-000000000000",
        spec=ExportSpec(query="s" * 480, compression="GZIP"),
        at=START,
        retention=KEPT,
        actor="alice",
    )
    folder = f"s3://my-spectra-bucket/spectra/{job.tenant_id}/{job.job_id}/results/~1/"
    results = Files(manifest=folder + "results-manifest.json", bytes=2**30, rows=10**7, compression="GZIP")
    running = claimed(job, worker="lambda-0123456789abcdef")
    done = running.complete(at=after(3), retention=KEPT, counts=completed(running).counts, results=results)
    assert done.state is JobState.JOB_COMPLETE
    sizes = [item_bytes(item_of(one, seated=True, wake=True)) for one in (job, running, done)]
    assert max(sizes) <= 1024


def test_attributes_have_names_of_their_own() -> None:
    names = [one.name for one in ATTRIBUTES.values()]
    assert len(set(names)) == len(names)
    assert not {"pk", "sk", "lane", "at", "ttl", "w", "seat", "wake", "op", "q", "qd", "sp", "hi", "x"} & set(
        names
    )
