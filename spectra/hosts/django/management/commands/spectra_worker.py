"""``manage.py spectra_worker``: a worker in a process of its own."""

from __future__ import annotations

import signal
import threading
from argparse import ArgumentParser
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from spectra.errors import SpectraError
from spectra.hosts.django import configured

__all__ = ["Command"]


class Command(BaseCommand):
    """Serves until SIGTERM or SIGINT, and hands its leases back then; exit status 0."""

    help = "Carry jobs on until SIGTERM or SIGINT, and hand back what is running then."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--concurrency", type=int, default=1, help="jobs at once (1)")
        parser.add_argument("--drain", action="store_true", help="end when nothing is due")
        parser.add_argument(
            "--patient",
            action="store_true",
            help="wait for an embedded warehouse that another process has, and do not fail",
        )

    def handle(self, *, concurrency: int, drain: bool, patient: bool, **options: Any) -> None:
        if concurrency < 1:
            raise CommandError("--concurrency must be at least 1")
        try:
            worker = configured.spectra().worker(concurrency=concurrency)
            with _interrupted_by_signals():
                self.stdout.write(f"{worker.name} serves")
                worker.serve(threading.Event(), patient=patient, drain=drain)
        except KeyboardInterrupt:
            self.stdout.write("stopped; what was running is handed back")
        except SpectraError as exc:
            raise CommandError(f"{exc.code}: {exc}") from exc
        finally:
            configured.close()


@contextmanager
def _interrupted_by_signals() -> Iterator[None]:
    """Raise `KeyboardInterrupt` at the first signal; more of them must not disturb the handing back."""
    if threading.current_thread() is not threading.main_thread():
        yield  # of somebody's test: signals are not ours there
        return

    def interrupt(*_: object) -> None:
        for number in before:
            signal.signal(number, signal.SIG_IGN)
        raise KeyboardInterrupt

    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    for number in before:
        signal.signal(number, interrupt)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
