"""The ten alarms worth having, as data: for the page docs/monitoring.md, and for the template that makes them.

They stand below both `spectra.monitoring`, which tells the figures, and the adapters, which deploy them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal

import attrs

from spectra.domain.frozen import frozen_dict

__all__ = ["ALARMS", "Alarm"]

_SERVICE: Final = frozen_dict({"service": "${Service}"})


@attrs.frozen(kw_only=True)
class Alarm:
    """One alarm of CloudWatch: *statistic* of *metric* over *period* seconds above *threshold*.

    It rings when this was so in each of *periods* periods in a row. Values of *dimensions*, and
    *namespace*, may hold ``${Namespace}``, ``${Service}`` or ``${StreamFunction}``, as CloudFormation's
    ``Fn::Sub`` fills them in. *missing* is what a period without data is taken for. *why* one is woken,
    and what to do *then*.
    """

    name: str
    namespace: str = "${Namespace}"
    metric: str
    dimensions: Mapping[str, str] = attrs.field(default=_SERVICE, converter=frozen_dict)
    statistic: str
    period: int
    periods: int = 1
    threshold: float
    comparison: Literal["GreaterThanThreshold"] = "GreaterThanThreshold"
    missing: Literal["breaching", "notBreaching"] = "notBreaching"
    why: str
    then: str

    @property
    def is_of_spectra(self) -> bool:
        """Whether it watches what Spectra tells; else what the cloud tells of itself."""
        return self.namespace == "${Namespace}"


ALARMS: Final = (
    Alarm(
        name="oldest-due-job",
        metric="spectra.backlog.oldest.age",
        statistic="Maximum",
        period=60,
        periods=5,
        threshold=300,
        missing="breaching",
        why="A job is due and nobody takes its step: no worker runs, none can reach the warehouse, or a tenant"
        " queues more than its limit lets through. No data is as bad: nobody looks.",
        then="Ask `explain` of an old job. `no_worker`: start one, or look why its steps fail. `tenant_limit`: "
        "only that tenant waits; raise its limit, or this threshold.",
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
        why="New jobs start from the table's stream. A batch that fails is repeated and holds up what is behind "
        "it, and after 24 hours the stream forgets.",
        then="Read the function's errors. Jobs are not lost: the schedule finds what is due, only later.",
    ),
    Alarm(
        name="jobs-failed",
        metric="spectra.jobs.failed",
        statistic="Sum",
        period=900,
        threshold=20,
        why="Single failures are a tenant's own SQL or data. Many at once are a revoked grant, a changed table, "
        "a full disk.",
        then="Split the metric by `spectra.error.category`. `validation` from one tenant: tell the tenant. "
        "`permission`, `resource`: look at what was changed last.",
    ),
    Alarm(
        name="jobs-failed-inside",
        metric="spectra.jobs.failed",
        dimensions={**_SERVICE, "spectra.error.category": "internal"},
        statistic="Sum",
        period=300,
        threshold=0,
        why="Nobody knows such an error: a bug in Spectra, in an adapter, or in the warehouse.",
        then="Report it with the job's id and the log lines of that id.",
    ),
    Alarm(
        name="executions-lost",
        metric="spectra.executions.lost",
        statistic="Sum",
        period=900,
        threshold=2,
        why="The warehouse no longer knew work that it had been given. Each costs an attempt, and five attempts"
        " are all a job has. One comes of a killed process; several of a restarting cluster, or of sessions "
        "that something ends.",
        then="Look for a restart or a maintenance window of the cluster, for killed workers, for a limit on idle "
        "sessions.",
    ),
    Alarm(
        name="effect-unsettled",
        metric="spectra.job.unsettled",
        statistic="Maximum",
        period=300,
        threshold=600,
        why="A job was aborted while it ran, and after ten minutes nobody can say yet whether its load was "
        "applied. It keeps its place in the tenant's limit, and cannot be retried.",
        then="See whether its session still runs in the warehouse, or a lock holds the ledger; end that session.",
    ),
    Alarm(
        name="effect-unknown",
        metric="spectra.effects.unknown",
        statistic="Sum",
        period=300,
        threshold=0,
        why="Nobody will ever know whether this load was applied. With a ledger that does not happen: its row "
        "was removed by hand, or the executor has none.",
        then="Look at the table by hand before the tenant sends the load again.",
    ),
    Alarm(
        name="leases-lost",
        metric="spectra.leases.lost",
        statistic="Sum",
        period=900,
        threshold=5,
        why="Workers lose jobs that they hold: they stall, are frozen or starved, or their clocks are apart. "
        "Nothing is done twice, but work is thrown away.",
        then="Look at the load and the clocks of the workers. If a step takes long for a good reason, raise the "
        "lease's length.",
    ),
    Alarm(
        name="steps-failed",
        metric="spectra.steps.failed",
        statistic="Sum",
        period=300,
        periods=2,
        threshold=10,
        why="Workers cannot reach a store or the warehouse. Work waits and heals by itself once they can; "
        "settling waits as well, and is not seen by any other figure.",
        then="Split the metric by `spectra.error.category`; `step.failed` in the log has the error.",
    ),
    Alarm(
        name="jobs-wait",
        metric="spectra.job.wait",
        statistic="p90",
        period=900,
        periods=2,
        threshold=900,
        why="One job in ten waits for more than a quarter of an hour: there are too few workers or places for "
        "what comes in. Unlike the first alarm this one says that work goes on, too slowly.",
        then="Compare `spectra.backlog.running` with the limit times the tenants: add workers, raise limits, or "
        "spread the load over the day.",
    ),
)
