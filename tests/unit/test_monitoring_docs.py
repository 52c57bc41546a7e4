"""The tables of docs/monitoring.md are those of the code; with WRITE_DOCS=1 they are written anew.

Its programs run as they stand, and its alarms watch what is really told.
"""

from __future__ import annotations

import io
import os
import subprocess
import sys
from pathlib import Path

import pytest

from spectra.domain import Category, Operation
from spectra.monitoring import ALARMS, INSTRUMENTS, EmfMetrics
from spectra.monitoring.emf import dimension_sets
from spectra.monitoring.instruments import ATTRIBUTES, Kind, Measurement, instrument
from spectra.services import EVENTS, FACTS
from spectra.testing import ManualClock
from tests.unit.test_monitoring_emf import checked

PAGE = Path(__file__).parents[2] / "docs" / "monitoring.md"
COMPARISONS = {"GreaterThanThreshold": ">"}
CLOUDS = {("AWS/Lambda", "IteratorAge")}
# What each attribute with few values can be; the classes of tenants are the host's.
VALUES = {
    "spectra.operation": len(Operation),
    "spectra.job.state": 3,
    "spectra.error.category": len(Category),
    "spectra.abort.reason": 3,
    "spectra.attempt": 2,
    "spectra.record.outcome": 3,
    "spectra.direction": 2,
    "spectra.effect": 3,
}


def table(heads, rows):
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def names(found):
    return ", ".join(f"`{name}`" for name in found)


def metrics_table():
    rows = [
        [f"`{one.name}`", str(one.kind), f"`{one.unit}`", one.meaning, names(one.attributes)]
        for one in INSTRUMENTS
    ]
    return table(["metric", "kind", "unit", "what", "attributes"], rows)


def attributes_table():
    return table(["attribute", "values"], [[f"`{name}`", said] for name, said in ATTRIBUTES.items()])


def events_table():
    rows = [[f"`{name}`", kind.meaning, names(kind.facts)] for name, kind in EVENTS.items()]
    return table(["event", "when", "facts"], rows)


def facts_table():
    return table(["fact", "meaning"], [[f"`{name}`", said] for name, said in FACTS.items()])


def alarms_table():
    rows = []
    for one in ALARMS:
        by = [f"`{k}` = `{v}`" for k, v in one.dimensions.items() if k not in ("service", "FunctionName")]
        where = f" with {' and '.join(by)}" if by else ""
        times = f"{one.periods} × {one.period} s" if one.periods > 1 else f"{one.period} s"
        rings = f"`{one.statistic}` of `{one.metric}`{where} {COMPARISONS[one.comparison]} {one.threshold:,} for {times}"
        if one.missing == "breaching":
            rings += ", or no data"
        rows.append([one.name, rings, one.why, one.then])
    return table(["alarm", "rings at", "why", "what to do"], rows)


def cost_table():
    whole = by_class = more = 0
    for one in INSTRUMENTS:
        for names in dimension_sets(one.attributes):
            if "spectra.tenant" in names:
                continue
            if len(names) == 1:
                whole += 1
            elif len(names) == 3:
                by_class += VALUES["spectra.operation"]
            else:
                more += VALUES[names[1]]
    rows = [
        ["for the service as a whole", str(whole)],
        ["by the one further attribute", str(more)],
        ["by operation and class, for each class of tenants", str(by_class)],
        ["by tenant, if you ask for *n* by name", "*n* + 1"],
    ]
    return table(["metrics", "at most"], rows)


TABLES = {
    "metrics": metrics_table,
    "attributes": attributes_table,
    "cost": cost_table,
    "alarms": alarms_table,
    "events": events_table,
    "facts": facts_table,
}


@pytest.mark.parametrize("name", TABLES)
def test_the_page_has_what_the_code_has(name) -> None:
    text = PAGE.read_text()
    mark = f"<!-- {name} -->\n"
    before, found, rest = text.partition(mark)
    assert found
    lines = rest.split("\n")
    taken = next(n for n, line in enumerate(lines) if not line.startswith("|"))
    wanted = f"{before}{mark}{TABLES[name]()}\n" + "\n".join(lines[taken:])
    if os.environ.get("WRITE_DOCS"):
        PAGE.write_text(wanted)
    assert PAGE.read_text() == wanted


def test_every_attribute_is_explained() -> None:
    assert {name for one in INSTRUMENTS for name in one.attributes} == set(ATTRIBUTES)


@pytest.mark.parametrize("number", range(2))
def test_the_programs_run(number) -> None:
    code = PAGE.read_text().split("```python\n")[1:][number].split("```")[0]
    if "def every_minute" in code:
        code += (
            "from spectra import Caller, ExportSpec\n"
            "spectra.jobs.create(Caller('acme'), ExportSpec(query='select 1 as one'))\n"
            "every_minute({}, None)\n"
        )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    assert "spectra.jobs.completed" in done.stdout
    assert "spectra.backlog.waiting" in done.stdout
    assert "acme" not in done.stdout
    if number == 1:
        assert {line["service"] for line in checked(done.stdout)} == {"exports-production"}


def test_there_are_ten_alarms() -> None:
    assert len({one.name for one in ALARMS}) == len(ALARMS) == 10
    for one in ALARMS:
        assert one.why.endswith(".")
        assert one.then.endswith(".")
        assert one.period % 60 == 0
        assert one.periods >= 1


@pytest.mark.parametrize("alarm", ALARMS, ids=lambda one: one.name)
def test_an_alarm_watches_what_is_told(alarm) -> None:
    if alarm.namespace != "${Namespace}":
        assert (alarm.namespace, alarm.metric) in CLOUDS
        return
    one = instrument(alarm.metric.removeprefix("spectra."))
    assert (
        alarm.statistic
        in {
            Kind.COUNTER: {"Sum"},
            Kind.HISTOGRAM: {"Maximum", "p90"},
            Kind.GAUGE: {"Maximum"},
        }[one.kind]
    )
    stream = io.StringIO()
    emf = EmfMetrics(stream=stream, clock=ManualClock())
    wanted = {**alarm.dimensions, "service": "spectra"}
    emf._record(
        [Measurement(one, alarm.threshold + 1, {name: wanted.get(name, "x") for name in one.attributes})]
    )
    emf.flush()
    (line,) = checked(stream.getvalue())
    assert line[alarm.metric] > alarm.threshold
    (directive,) = line["_aws"]["CloudWatchMetrics"]
    (seen,) = [names for names in directive["Dimensions"] if set(names) == set(wanted)]
    assert {name: line[name] for name in seen} == wanted


def test_the_alarms_that_nobody_may_do_without() -> None:
    metrics = {one.metric for one in ALARMS}
    assert metrics >= {
        "spectra.backlog.oldest.age",
        "IteratorAge",
        "spectra.jobs.failed",
        "spectra.executions.lost",
        "spectra.job.unsettled",
    }
