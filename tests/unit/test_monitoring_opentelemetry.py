"""What arrives at OpenTelemetry's own SDK."""

from __future__ import annotations

import subprocess
import sys
import textwrap
import threading

import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import Histogram, InMemoryMetricReader

import spectra
from spectra import Caller, ExportSpec, LoadSpec, Spectra
from spectra.monitoring import INSTRUMENTS, OpenTelemetryMetrics
from spectra.monitoring.instruments import Kind, Measurement
from spectra.monitoring.opentelemetry import BOUNDS
from spectra.testing import ManualClock

ME = Caller("acme")


@pytest.fixture
def reader():
    return InMemoryMetricReader()


@pytest.fixture
def provider(reader):
    provider = MeterProvider([reader])
    yield provider
    provider.shutdown()


def collected(reader) -> dict:
    """Metrics by name; their scope is ours."""
    data = reader.get_metrics_data()
    if data is None:
        return {}
    (scope,) = [scope for resource in data.resource_metrics for scope in resource.scope_metrics]
    assert (scope.scope.name, scope.scope.version) == ("spectra", spectra.__version__)
    return {metric.name: metric for metric in scope.metrics}


def points(metric) -> dict:
    """Sums, or values, by attributes."""
    return {
        tuple(sorted(point.attributes.items())): point.sum
        if isinstance(metric.data, Histogram)
        else point.value
        for point in metric.data.data_points
    }


def test_a_whole_life(reader, provider) -> None:
    clock = ManualClock()
    with Spectra.in_memory(clock=clock) as made:
        metrics = OpenTelemetryMetrics(provider, tenant_class=lambda _: "gold", tenants=1, clock=clock)
        made.subscribe(metrics)
        made.jobs.create(ME, ExportSpec(query="select 1 as a union select 2"))
        load = made.jobs.create(ME, LoadSpec(operation="insert", object="items")).job
        clock.advance(seconds=7)
        made.worker().run_once()
        made.jobs.abort(ME, load.job_id)
        made.jobs.create(ME, ExportSpec(query="select 3"))
        clock.advance(seconds=8)
        metrics.observe(made)
    found = collected(reader)
    export = (("spectra.operation", "query"), ("spectra.tenant.class", "gold"))
    insert = (("spectra.operation", "insert"), ("spectra.tenant.class", "gold"))
    assert points(found["spectra.jobs.created"]) == {export: 2, insert: 1}
    assert points(found["spectra.jobs.completed"]) == {export: 1}
    assert points(found["spectra.job.wait"]) == {export: 7}
    assert points(found["spectra.jobs.aborted"]) == {(("spectra.abort.reason", "requested"), *insert): 1}
    assert points(found["spectra.records"]) == {
        (export[0], ("spectra.record.outcome", "succeeded"), export[1]): 2
    }
    assert points(found["spectra.job.duration"]) == {
        (("spectra.job.state", "JobComplete"), *export): 7,
        (("spectra.job.state", "Aborted"), *insert): 7,
    }
    assert points(found["spectra.backlog.waiting"]) == {(): 1}
    assert points(found["spectra.backlog.running"]) == {(): 0}
    assert points(found["spectra.backlog.oldest.age"]) == {(): 8}
    assert points(found["spectra.tenant.waiting"]) == {
        (("spectra.tenant", "acme"),): 1,
        (("spectra.tenant", "other"),): 0,
    }


def test_every_instrument_is_made_as_it_is_defined(reader, provider) -> None:
    metrics = OpenTelemetryMetrics(provider)
    assert collected(reader) == {}
    metrics._record([Measurement(one, 3, dict.fromkeys(one.attributes, "x")) for one in INSTRUMENTS])
    found = collected(reader)
    assert set(found) == {one.name for one in INSTRUMENTS}
    kinds = {Kind.COUNTER: "Sum", Kind.HISTOGRAM: "Histogram", Kind.GAUGE: "Gauge"}
    for one in INSTRUMENTS:
        metric = found[one.name]
        assert (metric.unit, metric.description) == (one.unit, one.meaning)
        assert type(metric.data).__name__ == kinds[one.kind]
        (point,) = metric.data.data_points
        assert set(point.attributes) == set(one.attributes)
        if one.kind is Kind.HISTOGRAM:
            assert point.explicit_bounds == BOUNDS
        if one.kind is Kind.COUNTER:
            assert metric.data.is_monotonic


def test_gauges_give_the_last_look_for_five_minutes(reader, provider) -> None:
    clock = ManualClock()
    with Spectra.in_memory(clock=clock) as made:
        metrics = OpenTelemetryMetrics(provider, tenants=1, clock=clock)
        for tenant, waiting in (("a", 1), ("b", 2)):
            for _ in range(waiting):
                made.jobs.create(Caller(tenant), ExportSpec(query="select 1"))
            metrics.observe(made)
            named = {attributes[0][1]: value for attributes, value in waiting_of(reader).items()}
            assert named == {tenant: waiting, "other": waiting - 1}
        clock.advance(minutes=5)
        assert len(waiting_of(reader)) == 2
        clock.advance(seconds=1)
        assert waiting_of(reader) == {}
        metrics.observe(made)
        assert len(waiting_of(reader)) == 2


def waiting_of(reader) -> dict:
    found = collected(reader)
    return points(found["spectra.tenant.waiting"]) if "spectra.tenant.waiting" in found else {}


def test_a_collection_reads_nothing(reader, provider) -> None:
    with Spectra.in_memory() as made:
        metrics = OpenTelemetryMetrics(provider)
        metrics.observe(made)
    # The store is closed: asking it would raise.
    assert points(collected(reader)["spectra.backlog.waiting"]) == {(): 0}


def test_eight_threads_lose_no_count(reader, provider) -> None:
    with Spectra.in_memory() as made:
        made.subscribe(OpenTelemetryMetrics(provider))
        gate = threading.Barrier(8)

        def create() -> None:
            gate.wait()
            for _ in range(100):
                made.jobs.create(ME, ExportSpec(query="select 1"))

        threads = [threading.Thread(target=create) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert [*points(collected(reader)["spectra.jobs.created"]).values()] == [800]


def program(code: str) -> str:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", textwrap.dedent(code)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_without_an_sdk_it_does_nothing() -> None:
    code = """
        from spectra import Caller, ExportSpec, Spectra
        from spectra.monitoring import OpenTelemetryMetrics
        with Spectra.in_memory() as made:
            metrics = OpenTelemetryMetrics()
            made.subscribe(metrics)
            made.jobs.create(Caller("t"), ExportSpec(query="select 1 as a"))
            made.worker().run_once()
            metrics.observe(made)
        import sys
        print(any(name.startswith("opentelemetry.sdk") for name in sys.modules))
    """
    assert program(code) == "False\n"


def test_the_provider_of_the_process_is_found() -> None:
    code = """
        from opentelemetry.metrics import set_meter_provider
        from opentelemetry.sdk.metrics import MeterProvider
        from opentelemetry.sdk.metrics.export import InMemoryMetricReader
        from spectra import Caller, ExportSpec, Spectra
        from spectra.monitoring import OpenTelemetryMetrics
        reader = InMemoryMetricReader()
        metrics = OpenTelemetryMetrics()  # before the host has set its own: the API hands it on
        set_meter_provider(MeterProvider([reader]))
        with Spectra.in_memory() as made:
            made.subscribe(metrics)
            made.jobs.create(Caller("t"), ExportSpec(query="select 1 as a"))
        data = reader.get_metrics_data()
        print(data.resource_metrics[0].scope_metrics[0].metrics[0].name)
    """
    assert program(code) == "spectra.jobs.created\n"


def test_a_missing_package_is_told_with_the_command() -> None:
    code = """
        import sys
        sys.modules["opentelemetry"] = None
        import spectra.monitoring
        from spectra.errors import MissingExtraError
        spectra.monitoring.EmfMetrics()
        try:
            spectra.monitoring.OpenTelemetryMetrics
        except MissingExtraError as exc:
            print(exc)
    """
    assert program(code) == (
        "opentelemetry-api is not installed; run: pip install 'redshift-spectra[otel]'\n"
    )


def test_public_names_exist() -> None:
    for name in spectra.monitoring.__all__:
        assert getattr(spectra.monitoring, name) is not None
    assert set(spectra.monitoring.__all__) <= set(dir(spectra.monitoring))
    with pytest.raises(AttributeError):
        _ = spectra.monitoring.nothing
