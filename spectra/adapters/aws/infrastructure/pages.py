"""Tables of the page docs/aws-infrastructure.md, written from what is deployed."""

from __future__ import annotations

from collections.abc import Sequence

from spectra.adapters.aws.infrastructure.alarms import alarms
from spectra.adapters.aws.infrastructure.definition import Infrastructure
from spectra.adapters.aws.infrastructure.policies import (
    Statement,
    for_functions,
    for_host,
    for_redshift,
    for_worker,
)

__all__ = ["alarms_table", "permissions_table"]


def permissions_table(infrastructure: Infrastructure) -> str:
    """Who may do what, on what, and why."""
    policies: tuple[tuple[str, Sequence[Statement]], ...] = (
        ("HostPolicy", for_host(infrastructure)),
        ("WorkerPolicy", for_worker(infrastructure)),
        ("RedshiftPolicy", for_redshift(infrastructure)),
        ("the functions' role", for_functions()),
    )
    lines = ["| policy | actions | on | why |", "|---|---|---|---|"]
    for name, statements in policies:
        for one in statements:
            actions = ", ".join(f"`{action}`" for action in one.actions)
            resources = ", ".join(f"`{resource}`" for resource in one.resources)
            lines.append(f"| {name} | {actions} | {resources} | {one.why} |")
    return "\n".join(lines) + "\n"


def alarms_table(infrastructure: Infrastructure) -> str:
    """The alarms: when they ring, and why."""
    lines = ["| alarm | rings when | why |", "|---|---|---|"]
    for one in alarms(infrastructure):
        metric = one.metric if one.is_of_spectra else f"{one.namespace} {one.metric}"
        for_long = f", {one.periods} times" if one.periods > 1 else ""
        lines.append(
            f"| {one.name} | {one.statistic} of `{metric}` over {one.period} s is above {one.threshold:,g}{for_long} "
            f"| {one.why} |"
        )
    return "\n".join(lines) + "\n"
