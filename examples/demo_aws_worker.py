"""A worker of the demo on AWS; all it knows is in SPECTRA_* variables. It ends when its input does.

``due`` serves what is due, as a process that stays. ``stream`` is what Lambda would do: the table's stream
calls `on_stream`, and a clock calls `on_schedule`.
"""

from __future__ import annotations

import os
import sys
import threading
import time

from spectra import Settings, Spectra


class Invocation:
    """What Lambda tells a function of its own invocation."""

    def __init__(self, seconds: float = 60) -> None:
        self._until = time.monotonic() + seconds

    def get_remaining_time_in_millis(self) -> int:
        return int((self._until - time.monotonic()) * 1_000)


def serve_what_is_due(stop: threading.Event) -> None:
    with Spectra.from_env() as spectra:
        spectra.worker(concurrency=2).serve(stop)


def follow_the_stream(stop: threading.Event, every: float = 1.0) -> None:
    import boto3

    from spectra.adapters.aws.dynamodb.table import STREAM_FILTER
    from spectra.hosts.aws_lambda import on_schedule, on_stream
    from spectra.testing.dynamodb import StreamPump

    settings = Settings.from_env()
    where = {"endpoint_url": settings.dynamodb_endpoint, "region_name": settings.aws_region}
    clients = [boto3.client(service, **where) for service in ("dynamodb", "dynamodbstreams")]
    pump = StreamPump(*clients, settings.dynamodb_table_name, STREAM_FILTER)
    again = 0.0
    while not stop.is_set():
        pump.pump(lambda event: on_stream(event, Invocation()))
        if time.monotonic() >= again:
            on_schedule({}, Invocation())
            again = time.monotonic() + every
        stop.wait(0.1)


def main() -> None:
    stop = threading.Event()

    def watch() -> None:
        sys.stdin.buffer.read()  # ends when the host is gone, in whatever way
        stop.set()
        time.sleep(15)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
    if sys.argv[1] == "due":
        serve_what_is_due(stop)
    else:
        follow_the_stream(stop)


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
