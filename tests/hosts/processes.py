"""Servers in processes of their own, on sockets, for as long as a test needs them."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar

import httpx

ROOT = Path(__file__).parents[2]
T = TypeVar("T")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def until(ask: Callable[[], T], seconds: float = 60, pause: float = 0.05) -> T:
    """The first answer of *ask* that is true; asking fails after *seconds*."""
    end = time.monotonic() + seconds
    while not (answer := ask()):
        assert time.monotonic() < end, "waited in vain"
        time.sleep(pause)
    return answer


class Process:
    """A child in a session of its own; what it says is in `log`."""

    def __init__(self, popen: subprocess.Popen[bytes], log: Path) -> None:
        self.popen, self.log, self.pid = popen, log, popen.pid

    def said(self) -> str:
        return self.log.read_text(errors="replace")

    def send(self, number: int) -> None:
        self.popen.send_signal(number)

    def ended(self, seconds: float = 60) -> int:
        return self.popen.wait(seconds)

    def children(self) -> list[int]:
        return [int(pid) for pid in Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()]


@contextmanager
def process(
    *command: str, log: Path, env: dict[str, str] | None = None, cwd: Path | None = None
) -> Iterator[Process]:
    """Run `python` with *command*; at the end nothing of it is left."""
    with log.open("ab") as out:
        child = subprocess.Popen(
            [sys.executable, *command],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            cwd=cwd,
            start_new_session=True,
            env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1", **(env or {})},
        )
    started = Process(child, log)
    try:
        yield started
    except BaseException:
        print(started.said()[-8_000:])
        raise
    finally:
        with suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)
        child.wait(20)


@contextmanager
def server(
    *command: str,
    log: Path,
    port: int,
    env: dict[str, str] | None = None,
    health: str = "/health",
    **options: Any,
) -> Iterator[Process]:
    """A process that listens on *port*, from the moment at which it answers."""
    with process(*command, log=log, env={**(env or {}), "PORT": str(port)}, **options) as started:

        def answers() -> bool:
            assert started.popen.poll() is None, "the server has ended"
            with suppress(httpx.HTTPError):
                return httpx.get(f"http://127.0.0.1:{port}{health}", timeout=5).status_code == 200
            return False

        until(answers)
        yield started


def memory_peak(pid: int) -> int:
    """Bytes that a process had at most."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    raise AssertionError


def open_results(pid: int) -> list[str]:
    """Result files that a process has open."""
    found = []
    for link in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(FileNotFoundError):
            found.append(os.readlink(link))
    return [path for path in found if "/results/" in path]


def threads(pid: int) -> int:
    return len(list(Path(f"/proc/{pid}/task").iterdir()))
