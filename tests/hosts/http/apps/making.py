"""What every host of the tests does: one Spectra of the variables, a worker inside, callers by a header.

A header is as good as a password here: only the tests speak to these hosts.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import structlog

from spectra import Caller, Spectra

__all__ = ["TRUSTED", "caller_of", "configured", "working"]

TRUSTED = ("https://app.example.com",)


def configured() -> Spectra:
    """Of ``SPECTRA_*``; the statements of TEST_SETUP are run on an embedded warehouse."""
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING)
    structlog.configure(wrapper_class=structlog.stdlib.BoundLogger)
    spectra = Spectra.from_env()
    setup = os.environ.get("TEST_SETUP")
    if setup:
        cursor = spectra.executor.connect()  # type: ignore[attr-defined]
        for statement in setup.split(";"):
            cursor.execute(statement)
        cursor.close()
    return spectra


@contextmanager
def working(spectra: Spectra) -> Iterator[None]:
    """A worker inside, for as long as the host lives."""
    with spectra, spectra.worker(concurrency=4).running():
        yield


def caller_of(tenant: str | None) -> Caller | None:
    """Who asks; nobody without the header."""
    return Caller(tenant, actor="test") if tenant else None
