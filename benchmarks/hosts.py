"""One uvicorn process with a worker inside: 200 clients that create and poll for a minute, and 500 in a long poll."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from statistics import median, quantiles
from typing import Any

from fastapi import FastAPI, Request

from spectra import Caller, Spectra
from spectra.hosts.fastapi import lifespan, router

SECONDS = 60.0
CLIENTS = 200
WAITING = 500
TENANTS = 20
PAUSE = 0.25
WARM = 15.0


def application() -> Any:
    """What uvicorn serves; who asks is taken from a header, which no host in earnest would do."""

    async def caller(request: Request) -> Caller:
        return Caller(request.headers["x-tenant"])

    spectra = Spectra.embedded(os.environ["BENCHMARK_HOME"])
    app = FastAPI(lifespan=lifespan(spectra, concurrency=2))
    app.include_router(router(spectra, caller=caller))
    return app


def run() -> list[tuple[str, float, float]]:
    """The bars of the HTTP interface under load."""
    with tempfile.TemporaryDirectory() as home, _server(Path(home)) as (port, pid):
        load = _Load(port, pid)
        asyncio.run(load.run())
    reads = load.seconds["read"]
    print(load.report())
    return [
        ("plain read under load: p99 / median", quantiles(reads, n=100)[98] / median(reads), 10.0),
        ("memory at the end / after the first quarter of a minute", load.growth(), 1.1),
        ("requests that failed, jobs that were lost", load.errors.total() + load.lost, 0.0),
    ]


@contextlib.contextmanager
def _server(home: Path) -> Any:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    command = [
        sys.executable,
        "-m",
        "uvicorn",
        "--factory",
        "benchmarks.hosts:application",
        "--port",
        str(port),
    ]
    command += [
        "--log-level",
        "warning",
        "--no-access-log",
        "--timeout-graceful-shutdown",
        "1",
        "--backlog",
        "4096",
    ]
    environment = os.environ | {"BENCHMARK_HOME": str(home)}
    with (home / "log").open("wb") as log:
        server = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
        try:
            until = time.monotonic() + 60
            while True:
                try:
                    socket.create_connection(("127.0.0.1", port), timeout=5).close()
                    break
                except OSError:
                    if server.poll() is not None or time.monotonic() > until:
                        raise RuntimeError((home / "log").read_text()) from None
                    time.sleep(0.1)
            yield port, server.pid
        finally:
            server.send_signal(signal.SIGTERM)
            server.wait(60)


class _Load:
    """The clients, and what they saw."""

    def __init__(self, port: int, pid: int) -> None:
        self.port, self.pid = port, pid
        self.seconds: dict[str, list[float]] = {"create": [], "read": [], "unchanged": []}
        self.errors: Counter[str] = Counter()
        self.jobs: dict[str, set[str]] = {}
        self.memory: list[float] = []
        self.waits = self.lost = 0
        self.until = 0.0

    async def run(self) -> None:
        open_jobs = [await self._open_job(f"tenant-{number % TENANTS}") for number in range(WAITING)]
        self.until = time.monotonic() + SECONDS
        waiting = [asyncio.create_task(self._wait(*job)) for job in open_jobs]
        watching = asyncio.create_task(self._watch())
        clients = [self._create_and_poll(f"tenant-{number % TENANTS}", number) for number in range(CLIENTS)]
        await asyncio.gather(*clients)
        for task in waiting:
            task.cancel()
        await asyncio.gather(watching, *waiting, return_exceptions=True)
        await self._look_for_lost_ones()

    async def _open_job(self, tenant: str) -> tuple[str, str]:
        async with _Connection(self.port, tenant) as ask:
            status, _, body = await ask("POST", "/bulk/jobs", {"operation": "insert", "object": "t"})
            assert status == 201, body
            return tenant, body["job_id"]

    async def _create_and_poll(self, tenant: str, number: int) -> None:
        await asyncio.sleep(random.uniform(0, 1))
        async with _Connection(self.port, tenant) as ask:
            count = 0
            while time.monotonic() < self.until:
                count += 1
                spec = {"operation": "query", "query": f"select {number} as client, {count} as number"}
                made = await self._timed("create", ask("POST", "/bulk/jobs", spec), 201)
                if made is None:
                    return
                self.jobs.setdefault(tenant, set()).add(made["job_id"])
                await self._poll(ask, made["job_id"])

    async def _poll(self, ask: Any, job: str) -> None:
        plain = True
        while time.monotonic() < self.until:
            await asyncio.sleep(PAUSE)
            if plain:
                said = await self._timed("read", ask("GET", f"/bulk/jobs/{job}"), 200)
            else:  # with an ETag that is surely the job's own
                said = await self._timed("unchanged", ask("GET", f"/bulk/jobs/{job}", None, "*"), 304)
            plain = not plain
            if said and said["state"] not in ("UploadComplete", "InProgress"):
                if said["state"] != "JobComplete":
                    self.errors[f"job {said['state']}"] += 1
                return

    async def _wait(self, tenant: str, job: str) -> None:
        await asyncio.sleep(random.uniform(0, 5))
        async with _Connection(self.port, tenant) as ask:
            while True:
                status, _, _ = await ask("GET", f"/bulk/jobs/{job}?wait=20")
                self.waits += 1
                if status != 200:
                    self.errors[f"wait {status}"] += 1

    async def _timed(self, kind: str, asked: Any, expected: int) -> Any:
        begun = time.perf_counter()
        try:
            status, _, body = await asked
        except (OSError, EOFError) as exc:
            self.errors[f"{kind} {type(exc).__name__}"] += 1
            return None
        self.seconds[kind].append(time.perf_counter() - begun)
        if status != expected:
            self.errors[f"{kind} {status}"] += 1
            return None
        return body

    async def _watch(self) -> None:
        while time.monotonic() < self.until:
            self.memory.append(_resident(self.pid))
            await asyncio.sleep(0.5)

    async def _look_for_lost_ones(self) -> None:
        """Each job that was acknowledged is there, and ends."""
        for tenant, jobs in self.jobs.items():
            async with _Connection(self.port, tenant) as ask:
                for job in jobs:
                    end = time.monotonic() + 300
                    while True:
                        status, _, body = await ask("GET", f"/bulk/jobs/{job}?wait=20")
                        if status == 200 and body["state"] == "JobComplete":
                            break
                        if status != 200 or body["state"] in ("Failed", "Aborted") or time.monotonic() > end:
                            self.lost += 1
                            break

    def growth(self) -> float:
        """The median of the last quarter of a minute against that of the second one."""
        part = int(WARM / SECONDS * len(self.memory))
        return median(self.memory[-part:]) / median(self.memory[part : 2 * part])

    def report(self) -> str:
        lines = [
            f"{kind}: {len(found):,}, median {median(found) * 1000:.0f} ms, p99 {quantiles(found, n=100)[98] * 1000:.0f} ms, "
            f"longest {max(found) * 1000:.0f} ms"
            for kind, found in self.seconds.items()
            if len(found) > 1
        ]
        jobs = sum(map(len, self.jobs.values()))
        lines.append(
            f"jobs: {jobs:,}, lost {self.lost}; waits that ended: {self.waits:,}; errors: {dict(self.errors)}"
        )
        every = range(0, len(self.memory), max(1, len(self.memory) // 8))
        lines.append("MiB: " + ", ".join(f"{self.memory[at]:.0f}" for at in every))
        return "\n".join(lines)


class _Connection:
    """One connection that is kept, of one tenant; as little of HTTP as the server's answers need."""

    def __init__(self, port: int, tenant: str) -> None:
        self._port, self._tenant = port, tenant

    async def __aenter__(self) -> Any:
        self._reader, self._writer = await asyncio.open_connection("127.0.0.1", self._port)
        return self._ask

    async def __aexit__(self, *_: object) -> None:
        self._writer.close()

    async def _ask(
        self, method: str, path: str, body: Any = None, etag: str | None = None
    ) -> tuple[int, dict[str, str], Any]:
        data = json.dumps(body).encode() if body is not None else b""
        head = f"{method} {path} HTTP/1.1\r\nHost: localhost\r\nX-Tenant: {self._tenant}\r\n"
        head += f"Content-Type: application/json\r\nContent-Length: {len(data)}\r\n" if data else ""
        head += f"If-None-Match: {etag}\r\n" if etag else ""
        self._writer.write(f"{head}\r\n".encode() + data)
        lines = (await self._reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        headers = dict(line.lower().split(": ", 1) for line in lines[1:] if line)
        found = await self._reader.readexactly(int(headers.get("content-length", 0)))
        return int(lines[0].split()[1]), headers, json.loads(found) if found else None


def _resident(pid: int) -> float:
    """MiB of *pid*; from /proc, so on Linux."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    raise RuntimeError("no VmRSS")


if __name__ == "__main__":
    for what, ratio, bar in run():
        print(f"{what:60} {ratio:6.2f} of {bar:.2f}")
