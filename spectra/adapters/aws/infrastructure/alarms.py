"""The alarms of what is deployed, as data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Literal

import attrs

from spectra.adapters.aws.infrastructure.definition import Infrastructure

__all__ = ["ALARMS", "Alarm", "alarm"]

_SERVICE: Final = {"service": "${Service}"}


@attrs.frozen(kw_only=True)
class Alarm:
    """One alarm of CloudWatch: *statistic* of *metric* over *period* seconds above *threshold*.

    It rings when this was so in each of *periods* periods in a row. *namespace* and values of *dimensions*
    may hold ``${Namespace}``, ``${Service}``, and names of resources of the template, as ``Fn::Sub`` fills
    them in. *missing* is what a period without data is taken for.
    """

    name: str
    namespace: str = "${Namespace}"
    metric: str
    dimensions: Mapping[str, str] = _SERVICE
    statistic: str
    period: int
    periods: int = 1
    threshold: float
    comparison: Literal["GreaterThanThreshold"] = "GreaterThanThreshold"
    missing: Literal["breaching", "notBreaching"] = "notBreaching"
    why: str


def _errors(name: str, function: str, why: str) -> Alarm:
    return Alarm(
        name=name,
        namespace="AWS/Lambda",
        metric="Errors",
        dimensions={"FunctionName": f"${{{function}}}"},
        statistic="Sum",
        period=300,
        periods=2,
        threshold=0,
        why=why,
    )


ALARMS: Final = (
    Alarm(
        name="oldest-due-job",
        metric="spectra.backlog.oldest.age",
        statistic="Maximum",
        period=60,
        periods=5,
        threshold=300,
        missing="breaching",
        why="A job is due and nobody takes its step. No data is as bad: nobody looks.",
    ),
    Alarm(
        name="stream-behind",
        namespace="AWS/Lambda",
        metric="IteratorAge",
        dimensions={"FunctionName": "${StreamFunction}"},
        statistic="Maximum",
        period=60,
        periods=5,
        threshold=60_000,
        why="Jobs start late: a batch fails and holds up what is behind it. The schedule finds them, later.",
    ),
    Alarm(
        name="jobs-failed",
        metric="spectra.jobs.failed",
        statistic="Sum",
        period=900,
        threshold=20,
        why="Many failures at once are a revoked grant, a changed table, a full disk.",
    ),
    Alarm(
        name="executions-lost",
        metric="spectra.executions.lost",
        statistic="Sum",
        period=900,
        threshold=2,
        why="The warehouse no longer knew work that it had been given; each costs an attempt.",
    ),
    Alarm(
        name="effect-unsettled",
        metric="spectra.job.unsettled",
        statistic="Maximum",
        period=300,
        threshold=600,
        why="Ten minutes after its abort nobody can say whether a load was applied.",
    ),
    _errors(
        "stream-errors",
        "StreamFunction",
        "The store could not be reached, or the code cannot run: it is told by nothing else.",
    ),
    _errors(
        "schedule-errors",
        "ScheduleFunction",
        "What is due is not looked at. Ended work goes unnoticed, and retention stands still.",
    ),
    Alarm(
        name="records-given-up",
        namespace="AWS/SQS",
        metric="ApproximateNumberOfMessagesVisible",
        dimensions={"QueueName": "${FailureQueue.QueueName}"},
        statistic="Maximum",
        period=300,
        threshold=0,
        why="Lambda gave records of the stream up. No job is lost, the schedule has it; the cause stays.",
    ),
    Alarm(
        name="reads-throttled",
        namespace="AWS/DynamoDB",
        metric="ReadThrottleEvents",
        dimensions={"TableName": "${Table}"},
        statistic="Sum",
        period=60,
        periods=5,
        threshold=10,
        why="Calls are repeated and get slow: one tenant is more than a partition bears, or a limit is set.",
    ),
    Alarm(
        name="writes-throttled",
        namespace="AWS/DynamoDB",
        metric="WriteThrottleEvents",
        dimensions={"TableName": "${Table}"},
        statistic="Sum",
        period=60,
        periods=5,
        threshold=10,
        why="As with reads. A throttled index holds the writes of the table up.",
    ),
)
"""No alarm counts what a tenant can do wrong by itself."""


def alarm(one: Alarm, infrastructure: Infrastructure, actions: Any) -> dict[str, Any]:
    """The resource; *actions* are told when it rings and when it is over."""

    def filled(text: str) -> Any:
        text = text.replace("${Namespace}", infrastructure.namespace)
        text = text.replace("${Service}", infrastructure.service)
        return {"Fn::Sub": text} if "${" in text else text

    return {
        "Type": "AWS::CloudWatch::Alarm",
        "Properties": {
            "AlarmDescription": f"{one.name}: {one.why}",
            "Namespace": filled(one.namespace),
            "MetricName": one.metric,
            "Dimensions": [
                {"Name": name, "Value": filled(value)} for name, value in sorted(one.dimensions.items())
            ],
            ("ExtendedStatistic" if one.statistic.startswith("p") else "Statistic"): one.statistic,
            "Period": one.period,
            "EvaluationPeriods": one.periods,
            "Threshold": one.threshold,
            "ComparisonOperator": one.comparison,
            "TreatMissingData": one.missing,
            "AlarmActions": actions,
            "OKActions": actions,
        },
    }
