"""Ids of jobs, injected."""

from __future__ import annotations

import secrets
import threading
import time
import uuid

__all__ = ["new_job_id"]

_lock = threading.Lock()
_last = 0


def new_job_id() -> str:
    """Make an id that sorts by creation time: a UUIDv7 (RFC 9562) after ``bulk-job-``.

    Within a process ids only rise: the twelve bits after the milliseconds count on.
    """
    global _last
    with _lock:
        _last = max(_last + 1, (time.time_ns() // 1_000_000) << 12)
        stamp = _last
    milliseconds, sequence = stamp >> 12, stamp & 0xFFF
    value = milliseconds << 80 | 0x7 << 76 | sequence << 64 | 0b10 << 62 | secrets.randbits(62)
    return f"bulk-job-{uuid.UUID(int=value)}"
