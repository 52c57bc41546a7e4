"""Does the stream wake a function, and does a record that fails hold nothing up?"""

from __future__ import annotations

import json
from typing import Any

from spectra.adapters.aws.dynamodb.table import STREAM_FILTER
from spectra.adapters.aws.infrastructure.definition import Infrastructure
from spectra.adapters.aws.infrastructure.findings import Finding, Findings
from spectra.adapters.aws.infrastructure.functions import mapping

__all__ = ["check_functions"]

_DEPLOY = "deploy the template"


def check_functions(
    client: Any, stream_arn: str | None, infrastructure: Infrastructure
) -> tuple[Finding, ...]:
    """Look at the mappings of the stream by a boto3 client of Lambda."""
    found = Findings("functions")
    if stream_arn is None:
        return found.unknown("the stream's mapping", "no stream of the table was found").all()
    answer = found.ask("the stream's mapping", client.list_event_source_mappings, EventSourceArn=stream_arn)
    if answer is None:
        return found.all()
    wanted = mapping(infrastructure)
    told = [one for one in answer["EventSourceMappings"] if _filters(one)]
    if not told:
        return found.error(
            "no function is woken by the jobs of the stream: they start when the schedule finds them",
            f"{_DEPLOY}; the mapping's filter must be {json.dumps(STREAM_FILTER)}",
        ).all()
    for one in told:
        _mapping(found, one, wanted)
    return found.all()


def _filters(one: dict[str, Any]) -> bool:
    patterns = [each.get("Pattern", "") for each in (one.get("FilterCriteria") or {}).get("Filters", ())]
    return any(pattern and json.loads(pattern) == STREAM_FILTER for pattern in patterns)


def _mapping(found: Findings, one: dict[str, Any], wanted: dict[str, Any]) -> None:
    if one.get("State") not in ("Enabled", "Enabling", "Updating"):
        found.error(f"the stream's mapping is {one.get('State')}", "enable it")
    if one.get("MaximumRetryAttempts", -1) < 0:
        found.error(
            "a record that fails is tried until it is a day old, and holds up what is behind it",
            f"set MaximumRetryAttempts to {wanted['MaximumRetryAttempts']}",
        )
    if not one.get("BisectBatchOnFunctionError"):
        found.warning("a record that fails takes its batch with it", "set BisectBatchOnFunctionError")
    if "ReportBatchItemFailures" not in (one.get("FunctionResponseTypes") or ()):
        found.error(
            "what the function says of single records is not heard: those that fail are lost",
            "set FunctionResponseTypes to ReportBatchItemFailures",
        )
    if not ((one.get("DestinationConfig") or {}).get("OnFailure") or {}).get("Destination"):
        found.warning("nobody is told of records that were given up", "set a queue as OnFailure")
