"""What functions tell is what the template's alarms watch."""

from __future__ import annotations

import pytest

from spectra import Settings
from spectra.adapters.aws.infrastructure import Infrastructure, template
from spectra.alarms import ALARMS
from spectra.domain import Category, Effect, JobError
from spectra.errors import BackendUnavailableError
from spectra.hosts import aws_lambda
from spectra.ports import Execution, Status
from tests.hosts.function import ME, Context
from tests.services.scripted import facts_of
from tests.unit.test_monitoring_emf import checked

RUNNING = Execution(status=Status.RUNNING)


def told(lines):
    """Namespace, metric and dimensions of every metric that CloudWatch makes of *lines*."""
    return {
        (directive["Namespace"], metric["Name"], frozenset((name, line[name]) for name in names))
        for line in lines
        for directive in line["_aws"]["CloudWatchMetrics"]
        for metric in directive["Metrics"]
        for names in directive["Dimensions"]
    }


def watched(infrastructure):
    """The same of every alarm of the template, by its name."""
    resources = template(infrastructure)["Resources"]
    return {
        (
            alarm["Namespace"],
            alarm["MetricName"],
            frozenset((d["Name"], d["Value"]) for d in alarm["Dimensions"]),
        )
        for alarm in (one["Properties"] for one in resources.values())
        if alarm.get("Namespace") == infrastructure.settings.metrics_namespace
    }


def a_bad_day(function):
    """Everything that there is an alarm for, each in an invocation of its own."""
    schedule, warehouse, pump = function.worker.on_schedule, function.warehouse, function.pump

    def later(seconds=10):
        function.clock.advance(seconds=seconds)
        return schedule({}, function.context)

    broken = function.export()
    pump.pump(function)
    warehouse.executions = [
        Execution(status=Status.FAILED, error=JobError.of("ODD", Category.INTERNAL, "odd"))
    ]
    later()
    assert function.job(broken).state == "Failed"

    lost = function.export()
    warehouse.executions = [RUNNING]
    pump.pump(function)
    warehouse.executions = [Execution(status=Status.LOST), RUNNING]
    later()
    assert function.job(lost).last_error.code == "EXECUTION_LOST"
    later(60)

    aborted = function.export()
    pump.pump(function)
    function.host.jobs.abort(ME, aborted.job_id)
    warehouse.effects = [Effect.PENDING]
    pump.pump(function)
    later(700)
    assert function.job(aborted).is_settling
    warehouse.effects = [Effect.UNKNOWN]
    later()
    assert function.job(aborted).effect is Effect.UNKNOWN

    warehouse.effects, warehouse.executions = [Effect.NONE], [RUNNING]
    warehouse.ready_error = BackendUnavailableError("away")
    function.export()
    pump.pump(function)
    warehouse.ready_error = None
    later()

    taken = function.job(function.export())
    pump.pump(function)
    other, poll = function.host.worker(attached=False), warehouse.poll

    def slowly(task, /, *, wait=0):
        """While this worker looks, another one takes the job over."""
        if str(taken) in task.label:
            warehouse.poll = poll
            other.advance(function.job(taken))
        return poll(task, wait=wait)

    function.clock.instant = function.job(taken).due_at
    warehouse.poll = slowly
    schedule({}, function.context)


def test_every_alarm_watches_what_functions_tell(function, capsys) -> None:
    function.watch()
    a_bad_day(function)
    wanted = watched(Infrastructure())
    assert len(wanted) == sum(one.is_of_spectra for one in ALARMS) == 9
    assert wanted - told(checked(capsys.readouterr().out)) == set()
    elsewhere = Infrastructure(settings=Settings(metrics_service="other"))
    assert not watched(elsewhere) & wanted


def test_each_invocation_writes_what_it_measured(function, capsys) -> None:
    function.watch()
    jobs = [function.export(f"select {n}") for n in range(3)]
    function.pump.pump(function)
    (line,) = [one for one in checked(capsys.readouterr().out) if "spectra.job.wait" in one]
    assert len(line["spectra.job.wait"]) == 3
    function.clock.advance(seconds=1)
    function.worker.on_schedule({}, Context(0.0))  # no time for a step, but for a look
    (line,) = checked(capsys.readouterr().out)
    assert (line["spectra.backlog.running"], line["spectra.backlog.oldest.age"]) == (len(jobs), 0)
    function.clock.advance(seconds=400)
    function.worker.on_schedule({}, Context(0.0))
    (line,) = checked(capsys.readouterr().out)
    assert line["spectra.backlog.oldest.age"] > 300
    assert function.faults.calls.count("backlog") == 2


def test_steps_that_fail_are_counted_where_the_handler_takes_them(function, capsys) -> None:
    function.watch()
    function.export()
    function.warehouse.ready_error = BackendUnavailableError("away")
    function.pump.pump(function)
    function.worker.on_schedule({}, function.context)
    counts = [line.get("spectra.steps.failed") for line in checked(capsys.readouterr().out)]
    assert [count for count in counts if count] == [1, 1]


def test_a_store_that_is_away_is_counted_and_what_was_measured_is_written(function, capsys) -> None:
    function.watch()
    function.export()
    function.faults.fail_before("replace", BackendUnavailableError("away"), times=2)
    function.pump.max_retries = 1
    function.pump.pump(function)
    counts = [line.get("spectra.steps.failed") for line in checked(capsys.readouterr().out)]
    assert counts == [1, 1]


def test_figures_that_cannot_be_had_fail_no_schedule(function, capsys, caplog) -> None:
    function.watch()
    job = function.export()
    function.faults.fail_before("backlog", BackendUnavailableError("away"))
    assert function.worker.on_schedule({}, function.context) == {"touched": 1, "failed": 0, "complete": True}
    assert function.job(job).state == "InProgress"
    assert len(facts_of(caplog, "observe.failed")) == 1
    names = {name for _, name, _ in told(checked(capsys.readouterr().out))}
    assert "spectra.job.wait" in names and "spectra.backlog.oldest.age" not in names


@pytest.mark.parametrize("switch", ["true", "false"])
def test_the_handlers_tell_as_the_settings_say(environment, capsys, monkeypatch, switch) -> None:
    monkeypatch.setenv("SPECTRA_LAMBDA_METRICS", switch)
    monkeypatch.setenv("SPECTRA_METRICS_NAMESPACE", "Ours")
    monkeypatch.setenv("SPECTRA_METRICS_SERVICE", "exports")
    aws_lambda.on_schedule({}, Context())
    lines = checked(capsys.readouterr().out)
    assert {(line["_aws"]["CloudWatchMetrics"][0]["Namespace"], line["service"]) for line in lines} == (
        {("Ours", "exports")} if switch == "true" else set()
    )
