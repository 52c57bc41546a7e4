"""A worker in AWS Lambda: started by the table's stream, and by a schedule.

    # a module of the function's own, or `spectra.hosts.aws_lambda.on_stream` as its handler
    from spectra.hosts.aws_lambda import on_schedule, on_stream

The stream is a hint, and what is due is the truth: what the one misses, the other finds. So a record is
reported as failed only when the job store could not be reached; whatever else goes wrong is logged, and
the job stays due.
"""

from __future__ import annotations

import functools
from typing import Any

from spectra.composition import Spectra
from spectra.hosts.stream_worker import Context, StreamWorker
from spectra.monitoring.emf import EmfMetrics

__all__ = ["StreamWorker", "on_schedule", "on_stream"]


@functools.cache
def _worker() -> StreamWorker:
    """One for as long as the function's environment lives."""
    spectra = Spectra.from_env()
    said = spectra.settings
    metrics = (
        EmfMetrics(said.metrics_namespace, service=said.metrics_service) if said.lambda_metrics else None
    )
    return StreamWorker(spectra, metrics=metrics)


def on_stream(event: dict[str, Any], context: Context) -> dict[str, Any]:
    """Handle batches of the table's stream, configured by ``SPECTRA_*``; see `StreamWorker.on_stream`."""
    return _worker().on_stream(event, context)


def on_schedule(event: object, context: Context) -> dict[str, Any]:
    """Handle a schedule, configured by ``SPECTRA_*``; see `StreamWorker.on_schedule`."""
    return _worker().on_schedule(event, context)
