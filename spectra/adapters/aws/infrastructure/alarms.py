"""The alarms of what is deployed: those of Spectra itself, and those of what the cloud tells of its parts."""

from __future__ import annotations

from typing import Any, Final

from spectra.adapters.aws.infrastructure.definition import Infrastructure
from spectra.alarms import ALARMS, Alarm

__all__ = ["alarm", "alarms"]


def _errors(name: str, function: str, why: str, then: str) -> Alarm:
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
        then=then,
    )


_OF_THE_CLOUD: Final = (
    _errors(
        "stream-errors",
        "StreamFunction",
        "The store could not be reached, or the code cannot run: it is told by nothing else.",
        "Read the function's log. A module that is missing or a variable that is wrong stands there by name.",
    ),
    _errors(
        "schedule-errors",
        "ScheduleFunction",
        "What is due is not looked at. Ended work goes unnoticed, and retention stands still.",
        "Read the function's log; then see that the rule still starts it.",
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
        then="Read the messages, and the function's log of that time; delete the messages afterwards.",
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
        then="Look for a tenant that lists or polls without a pause, and for a limit of the table's throughput.",
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
        then="Look for a tenant with very many short jobs, and for a limit of the table's throughput.",
    ),
)


def alarms(infrastructure: Infrastructure) -> tuple[Alarm, ...]:
    """All of them; where functions tell no figures, those that none could wake are left out."""
    told = infrastructure.settings.lambda_metrics
    return tuple(one for one in (*ALARMS, *_OF_THE_CLOUD) if told or not one.is_of_spectra)


def alarm(one: Alarm, infrastructure: Infrastructure, actions: Any) -> dict[str, Any]:
    """The resource; *actions* are told when it rings and when it is over."""

    def filled(text: str) -> Any:
        text = text.replace("${Namespace}", infrastructure.settings.metrics_namespace)
        text = text.replace("${Service}", infrastructure.settings.metrics_service)
        return {"Fn::Sub": text} if "${" in text else text

    # What is told once a run must not be missed between two runs.
    run = infrastructure.schedule_minutes * 60
    period = max(one.period, run) if one.missing == "breaching" else one.period
    return {
        "Type": "AWS::CloudWatch::Alarm",
        "Properties": {
            "AlarmDescription": f"{one.name}: {one.why} {one.then}",
            "Namespace": filled(one.namespace),
            "MetricName": one.metric,
            "Dimensions": [
                {"Name": name, "Value": filled(value)} for name, value in sorted(one.dimensions.items())
            ],
            ("ExtendedStatistic" if one.statistic.startswith("p") else "Statistic"): one.statistic,
            "Period": period,
            "EvaluationPeriods": one.periods,
            "Threshold": one.threshold,
            "ComparisonOperator": one.comparison,
            "TreatMissingData": one.missing,
            "AlarmActions": actions,
            "OKActions": actions,
        },
    }
