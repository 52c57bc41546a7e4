"""The lines of the Embedded Metric Format, held against the rules that CloudWatch documents."""

from __future__ import annotations

import io
import json
import sys

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spectra.domain import JobState
from spectra.errors import InvalidSpecError
from spectra.monitoring import INSTRUMENTS, EmfMetrics
from spectra.monitoring.emf import dimension_sets
from spectra.monitoring.instruments import Measurement, instrument
from spectra.services import JobEvent
from spectra.testing import START, ManualClock
from spectra.testing.samples import export
from spectra.testing.strategies import jobs

CLOUDWATCH_UNITS = {"Seconds", "Bytes", "Count"}
NUMBERS = {"anyOf": [{"type": "number"}, {"type": "array", "maxItems": 100, "items": {"type": "number"}}]}
RULES = {
    "type": "object",
    "required": ["_aws"],
    "properties": {
        "_aws": {
            "type": "object",
            "required": ["Timestamp", "CloudWatchMetrics"],
            "additionalProperties": False,
            "properties": {
                "Timestamp": {"type": "integer", "minimum": 0},
                "CloudWatchMetrics": {
                    "type": "array",
                    "minItems": 1,
                    "items": {
                        "type": "object",
                        "required": ["Namespace", "Dimensions", "Metrics"],
                        "additionalProperties": False,
                        "properties": {
                            "Namespace": {"type": "string", "minLength": 1, "maxLength": 255},
                            "Dimensions": {
                                "type": "array",
                                "minItems": 1,
                                "items": {
                                    "type": "array",
                                    "minItems": 1,
                                    "maxItems": 30,
                                    "uniqueItems": True,
                                    "items": {"type": "string", "minLength": 1, "maxLength": 250},
                                },
                            },
                            "Metrics": {
                                "type": "array",
                                "minItems": 1,
                                "maxItems": 100,
                                "items": {
                                    "type": "object",
                                    "required": ["Name", "Unit"],
                                    "additionalProperties": False,
                                    "properties": {
                                        "Name": {"type": "string", "minLength": 1, "maxLength": 1024},
                                        "Unit": {"enum": sorted(CLOUDWATCH_UNITS)},
                                    },
                                },
                            },
                        },
                    },
                },
            },
        }
    },
}


def checked(text: str) -> list[dict]:
    """The documents of *text*, each of which keeps the rules."""
    documents = []
    assert text == "" or text.endswith("\n")
    for line in text.splitlines():
        assert len(line.encode()) < 256 * 1024
        pairs: list = []
        document = json.loads(line, object_pairs_hook=lambda found: pairs.append(found) or dict(found))
        for members in pairs:
            assert len({name for name, _ in members}) == len(members), "a name stands twice"
        jsonschema.validate(document, RULES, cls=jsonschema.Draft202012Validator)
        for directive in document["_aws"]["CloudWatchMetrics"]:
            for names in directive["Dimensions"]:
                assert len(names) <= 3
                for name in names:  # a dimension's value is a member of the root: text of ASCII
                    assert isinstance(document[name], str)
                    assert document[name].isascii()
                    assert document[name].isprintable()
                    assert 1 <= len(document[name].strip()) <= 1024
            names = [metric["Name"] for metric in directive["Metrics"]]
            assert len(set(names)) == len(names)
            for name in names:  # and so is a metric's
                jsonschema.validate(document[name], NUMBERS)
        documents.append(document)
    return documents


def of_job(name, job, **facts):
    return JobEvent(name=name, job=job, before=None, at=job.updated_at, facts=facts)


@pytest.fixture
def stream():
    return io.StringIO()


def metrics(stream, **options) -> EmfMetrics:
    return EmfMetrics(stream=stream, clock=ManualClock(), **options)


def test_a_line_to_the_letter(stream) -> None:
    emf = metrics(stream, namespace="Loads", service="prod", tenant_class=lambda t: t.upper())
    emf(of_job("job.claimed", export(), seconds_waiting=2.5))
    emf(of_job("job.claimed", export(), seconds_waiting=4))
    assert stream.getvalue() == ""
    emf.flush()
    first, second = checked(stream.getvalue())
    at = int(START.timestamp() * 1000)
    both = [["service"], ["service", "spectra.operation", "spectra.tenant.class"]]
    assert first == {
        "_aws": {
            "Timestamp": at,
            "CloudWatchMetrics": [
                {
                    "Namespace": "Loads",
                    "Dimensions": [*both, ["service", "spectra.attempt"]],
                    "Metrics": [{"Name": "spectra.attempts", "Unit": "Count"}],
                }
            ],
        },
        "service": "prod",
        "spectra.operation": "query",
        "spectra.tenant.class": "T",
        "spectra.attempt": "first",
        "spectra.attempts": 2,
    }
    assert second["_aws"]["CloudWatchMetrics"] == [
        {
            "Namespace": "Loads",
            "Dimensions": both,
            "Metrics": [{"Name": "spectra.job.wait", "Unit": "Seconds"}],
        }
    ]
    assert second["spectra.job.wait"] == [2.5, 4]
    emf.flush()
    assert len(checked(stream.getvalue())) == 2


def test_metrics_of_the_same_attributes_share_a_line(stream) -> None:
    emf = metrics(stream)
    emf(of_job("job.created", export()))
    emf(of_job("lease.lost", export()))
    emf.flush()
    (line,) = checked(stream.getvalue())
    names = [metric["Name"] for metric in line["_aws"]["CloudWatchMetrics"][0]["Metrics"]]
    assert names == ["spectra.jobs.created", "spectra.leases.lost", "spectra.conflicts"]


def test_more_than_a_hundred_values_go_on_in_a_further_line(stream) -> None:
    emf = metrics(stream)
    emf(of_job("job.created", export()))
    for seconds in range(250):
        emf._record([Measurement(instrument("job.wait"), seconds, base())])
    emf.flush()
    lines = checked(stream.getvalue())
    assert [len(line["spectra.job.wait"]) for line in lines] == [100, 100, 50]
    assert [value for line in lines for value in line["spectra.job.wait"]] == [*range(250)]
    assert ["spectra.jobs.created" in line for line in lines] == [True, False, False]


def base(**more):
    return {"spectra.operation": "query", "spectra.tenant.class": "all", **more}


def test_what_is_kept_is_bounded(stream) -> None:
    emf = metrics(stream)
    for _ in range(999):
        emf._record([Measurement(instrument("job.wait"), 1.5, base())])
    emf._record([Measurement(instrument("jobs.created"), 1, base())] * 500)
    first = checked(stream.getvalue())
    assert sum(len(line["spectra.job.wait"]) for line in first) == 999
    assert sum(line.get("spectra.jobs.created", 0) for line in first) == 500
    emf.flush()
    assert checked(stream.getvalue()) == first


def test_every_instrument_gives_a_valid_line(stream) -> None:
    emf = metrics(stream)
    for one in INSTRUMENTS:
        emf._record([Measurement(one, 1, dict.fromkeys(one.attributes, "x"))])
    emf.flush()
    lines = checked(stream.getvalue())
    assert {name for line in lines for name in line} >= {one.name for one in INSTRUMENTS}
    units = {
        metric["Name"]: metric["Unit"]
        for line in lines
        for metric in line["_aws"]["CloudWatchMetrics"][0]["Metrics"]
    }
    assert units["spectra.bytes"] == "Bytes"
    assert units["spectra.job.run"] == "Seconds"
    assert units["spectra.backlog.oldest.age"] == "Seconds"
    assert units["spectra.records"] == "Count"


def test_no_two_members_of_a_line_have_one_name() -> None:
    metrics = {one.name for one in INSTRUMENTS}
    attributes = {name for one in INSTRUMENTS for name in one.attributes}
    assert len(INSTRUMENTS) == len(metrics) <= 100
    assert not metrics & attributes
    assert not (metrics | attributes) & {"_aws", "service"}


def test_a_gauge_of_one_tenant_is_not_taken_for_a_total() -> None:
    assert dimension_sets(("spectra.tenant",)) == [["service", "spectra.tenant"]]
    assert dimension_sets(()) == [["service"]]


@given(job=jobs(states=list(JobState)), said=st.text(), values=st.lists(st.integers(0, 10**15), max_size=5))
def test_whatever_a_class_is_called_the_line_is_valid(job, said, values) -> None:
    stream = io.StringIO()
    emf = metrics(stream, tenant_class=lambda _: said)
    for value in values:
        emf(of_job("job.claimed", job, seconds_waiting=value))
    emf.flush()
    lines = checked(stream.getvalue())
    assert sum(line.get("spectra.attempts", 0) for line in lines) == len(values)


def test_the_stream_is_stdout_as_it_is_at_the_flush(capsys) -> None:
    before = EmfMetrics(clock=ManualClock())
    before(of_job("job.created", export()))
    before.flush()
    assert len(checked(capsys.readouterr().out)) == 1
    assert sys.stdout is not None


def test_a_stream_that_takes_nothing_loses_these_values_and_no_later_ones() -> None:
    class Broken(io.StringIO):
        broken = True

        def write(self, text):
            if self.broken:
                raise OSError("no room")
            return super().write(text)

    stream = Broken()
    emf = metrics(stream)
    emf(of_job("job.created", export()))
    with pytest.raises(OSError, match="no room"):
        emf.flush()
    stream.broken = False
    emf(of_job("job.created", export()))
    emf.flush()
    assert [line["spectra.jobs.created"] for line in checked(stream.getvalue())] == [1]


@pytest.mark.parametrize(
    "options",
    [
        {"namespace": ""},
        {"namespace": " "},
        {"service": "sérvice"},
        {"service": "a\nb"},
        {"service": "x" * 251},
        {"service": None},
        {"tenants": -1},
        {"tenants": 101},
        {"tenants": True},
    ],
)
def test_nonsense_is_refused(options) -> None:
    with pytest.raises(InvalidSpecError):
        EmfMetrics(**options)
