"""What is Django's own: where it is mounted, its settings, and servers of WSGI and of ASGI. Real sockets."""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest

from spectra import Caller, Spectra
from tests.hosts.processes import (
    Process,
    free_port,
    memory_peak,
    open_results,
    process,
    server,
    threads,
    until,
)

ACME = {"Authorization": "acme"}
LOAD = {"operation": "insert", "object": "sales", "content_type": "CSV"}
MB = 1_000_000
SERVERS = {
    "runserver": ("-m", "django", "runserver", "--noreload", "--skip-checks", "{port}"),
    "gunicorn": ("-m", "gunicorn", "--threads", "8", "-b", "127.0.0.1:{port}", "tests.hosts.site.wsgi"),
    "uvicorn": ("-m", "uvicorn", "--port", "{port}", "tests.hosts.site.asgi:application"),
}


def environment(home: Path, **site: Any) -> dict[str, str]:
    return {
        "DJANGO_SETTINGS_MODULE": "tests.hosts.site.settings",
        "HOME": str(home),
        "SPECTRA_HOME": str(home / "home"),
        "SITE": json.dumps(site),
    }


class Site:
    """A running one; the worker is in the test's own process."""

    def __init__(self, kind: str, running: Process, where: str, spectra: Spectra) -> None:
        self.running, self.where, self.spectra = running, where, spectra
        self.pid = running.children()[0] if kind == "gunicorn" else running.pid
        self.client = httpx.Client(headers=ACME, base_url=f"{where}/api", timeout=60)

    def complete(self, query: str = "select 42 as answer", to: str = "") -> str:
        body = {"operation": "query", "query": query, "single_file": True}
        created = self.client.post(f"{to}/bulk/jobs", json=body)
        assert created.status_code == 201, created.text
        self.spectra.worker().run_once()
        return str(created.json()["job_id"])

    def link(self, job_id: str) -> str:
        return str(self.client.get(f"/bulk/jobs/{job_id}/results").json()["download_url"])


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Site]]:
    with ExitStack() as stack:
        spectra = stack.enter_context(Spectra.embedded(tmp_path / "home"))

        def run(kind: str, **site: Any) -> Site:
            port = free_port()
            command = [part.format(port=port) for part in SERVERS[kind]]
            env = environment(tmp_path, **site)
            running = stack.enter_context(
                server(*command, log=tmp_path / "log", port=port, env=env, health="/api/health")
            )
            found = Site(kind, running, f"http://127.0.0.1:{port}", spectra)
            stack.callback(found.client.close)
            return found

        yield run


@pytest.fixture(params=list(SERVERS))
def site(request: pytest.FixtureRequest, start: Any) -> Site:
    found: Site = start(request.param)
    found.chunks = request.param != "runserver"  # type: ignore[attr-defined]
    return found


def test_the_servers(site: Any) -> None:
    """What frameworks and servers could spoil; the interface itself is tried for all hosts alike."""
    client = site.client
    # A job: long poll, ETag, a method that is none, HEAD.
    job_id = client.post("/bulk/jobs", json={"operation": "query", "query": "select 42 as answer"}).json()[
        "job_id"
    ]
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(client.get, f"/bulk/jobs/{job_id}?wait=20")
        time.sleep(0.3)
        assert not waiting.done()
        site.spectra.worker().run_once()
        read = waiting.result()
    assert read.json()["state"] == "JobComplete"
    again = client.get(f"/bulk/jobs/{job_id}", headers={"If-None-Match": read.headers["ETag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert "Content-Type" not in again.headers
    head = client.head(f"/bulk/jobs/{job_id}")
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["Content-Length"] == read.headers["Content-Length"]
    assert client.post(f"/bulk/jobs/{job_id}").status_code == 405
    assert "PATCH" in client.post(f"/bulk/jobs/{job_id}").headers["Allow"]

    # Its file: whole, in part, looked at; by its link alone.
    link = site.link(job_id)
    assert link.startswith(f"{site.where}/api/files/")
    assert httpx.get(link).text == "answer\n42\n"
    part = httpx.get(link, headers={"Range": "bytes=7-8"})
    assert (part.status_code, part.text, part.headers["Content-Range"]) == (206, "42", "bytes 7-8/10")
    looked = httpx.head(link)
    assert (looked.status_code, looked.headers["Content-Length"], looked.content) == (200, "10", b"")

    # An upload, with its length and in chunks.
    load = client.post("/bulk/jobs", json=LOAD).json()["job_id"]
    assert client.put(f"/bulk/jobs/{load}/upload", content=b"id\n1\n").status_code == 204
    chunked = iter([b"id\n", b"1\n2\n"])  # on a connection of its own, since it may be left unread
    chunks = httpx.put(f"{site.where}/api/bulk/jobs/{load}/upload", content=chunked, headers=ACME)
    if site.chunks:
        assert chunks.status_code == 204
    else:
        assert chunks.status_code == 400
        assert "Content-Length" in chunks.json()["error"]["message"]
    closed = client.patch(f"/bulk/jobs/{load}", json={"state": "UploadComplete"})
    assert closed.json()["state"] == "UploadComplete"
    assert site.spectra.jobs.get(Caller("acme"), load).upload.bytes == (7 if site.chunks else 5)
    assert client.patch(f"/bulk/jobs/{load}", json={"state": "Aborted"}).json()["state"] == "Aborted"
    assert client.delete(f"/bulk/jobs/{load}").status_code == 204


def test_who_asks_is_the_hosts_affair(site: Any) -> None:
    for path in ("/bulk/jobs", "/bulk/jobs/x"):
        nobody = httpx.get(f"{site.where}/api{path}")
        assert (nobody.status_code, nobody.text) == (401, "who are you?")
        forbidden = httpx.get(f"{site.where}/api{path}", headers={"Authorization": "forbidden"})
        assert forbidden.status_code == 403
        assert "403 Forbidden" in forbidden.text
        none = httpx.get(f"{site.where}/nobody{path}")
        assert (none.status_code, none.json()["error"]["code"]) == (500, "INTERNAL")
    assert httpx.get(f"{site.where}/api/files/x").status_code == 403
    assert httpx.get(f"{site.where}/api/nothing").status_code == 404


def test_links_lead_to_where_it_is_mounted(start: Any) -> None:
    site = start("gunicorn")
    where = f"{site.where}/tenants/bolt/%C3%A9"
    body = {"operation": "query", "query": "select 42 as answer"}
    created = httpx.post(f"{where}/bulk/jobs", json=body)
    assert created.json()["tenant_id"] == "bolt"
    job_id = created.json()["job_id"]
    assert created.headers["Location"] == f"{where}/bulk/jobs/{job_id}"
    site.spectra.worker().run_once()
    link = httpx.get(f"{where}/bulk/jobs/{job_id}/results").json()["download_url"]
    assert link.startswith(f"{where}/files/")
    assert httpx.get(link).text == "answer\n42\n"
    public = httpx.get(f"{site.where}/public/bulk/jobs/{site.complete()}/results", headers=ACME).json()
    assert public["download_url"].startswith("https://x.example/v1/files/")


def test_changes_from_other_sites_are_refused(start: Any) -> None:
    """No view of ours asks for a token, and none needs one."""
    csrf = [
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.middleware.csrf.CsrfViewMiddleware",
    ]
    site = start("gunicorn", MIDDLEWARE=csrf, USE_X_FORWARDED_HOST=True)
    body = {"operation": "query", "query": "select 42 as answer"}

    def post(path: str = "/api", **headers: str) -> int:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return httpx.post(f"{site.where}{path}/bulk/jobs", json=body, headers={**ACME, **named}).status_code

    assert post() == 201
    assert post(Sec_Fetch_Site="same-origin", Origin="http://127.0.0.1") == 201
    assert post(Sec_Fetch_Site="cross-site", Origin="https://evil.example") == 403
    # An old browser, behind a proxy that Django was told to believe.
    assert post(Origin="https://app.example.com", X_Forwarded_Host="app.example.com") == 201
    assert post(Origin="https://evil.example", X_Forwarded_Host="app.example.com") == 403
    friend = {"Sec_Fetch_Site": "cross-site", "Origin": "https://friend.example"}
    assert post("/tenants/acme/é", **friend) == 201
    assert post("/api", **friend) == 403


def test_trusted_origins_of_the_settings(start: Any) -> None:
    site = start(
        "gunicorn", SPECTRA_TRUSTED_ORIGINS=["https://friend.example"], SPECTRA_PUBLIC_URL="https://p.example"
    )
    friend = {"Sec-Fetch-Site": "cross-site", "Origin": "https://friend.example"}
    created = site.client.post(
        "/bulk/jobs", json={"operation": "query", "query": "select 1 as a"}, headers=friend
    )
    assert created.status_code == 201
    assert created.headers["Location"].startswith("https://p.example/bulk/jobs/")


# ---- within an event loop -----------------------------------------------------------------------------------


def test_hundreds_wait_and_hold_up_nobody(start: Any) -> None:
    """Django gives each request a thread of its own, from no pool that could run dry."""
    site = start("uvicorn")
    job_id = site.client.post("/bulk/jobs", json=LOAD).json()["job_id"]
    limits = httpx.Limits(max_connections=300)

    async def poll_all() -> tuple[list[int], float]:
        async with httpx.AsyncClient(headers=ACME, limits=limits, timeout=60) as client:
            url = f"{site.where}/api/bulk/jobs/{job_id}"
            began = time.monotonic()
            polls = [asyncio.create_task(client.get(f"{url}?wait=6")) for _ in range(200)]
            await asyncio.sleep(4)
            plain = time.monotonic()
            assert (await client.get(url)).status_code == 200
            assert time.monotonic() - plain < 2
            return [(await poll).status_code for poll in polls], time.monotonic() - began

    answers, seconds = asyncio.run(poll_all())
    assert answers == [200] * 200
    assert seconds < 15
    until(lambda: threads(site.pid) < 40)


def test_downloads_stream_within_a_loop(start: Any) -> None:
    site = start("uvicorn")
    link = site.link(site.complete("select repeat('x', 999) as x from range(100000)"))
    assert httpx.get(link, headers={"Range": "bytes=0-0"}).status_code == 206
    before = memory_peak(site.pid)
    with httpx.stream("GET", link) as answer:
        assert sum(len(block) for block in answer.iter_raw()) == 100_000_002
    assert memory_peak(site.pid) - before < 20 * MB
    with httpx.stream("GET", link) as answer:
        blocks = answer.iter_raw(1_000)  # whoever lets go of it closes the connection
        assert next(blocks)
        assert open_results(site.pid)
    until(lambda: not open_results(site.pid), 20)
    assert "Warning" not in site.running.said()


def test_the_hosts_transactions_are_not_held(start: Any, tmp_path: Path) -> None:
    """With ATOMIC_REQUESTS a call that waits would keep a transaction open."""
    database = {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": str(tmp_path / "own.sqlite3"),
        "ATOMIC_REQUESTS": True,
    }
    for kind in ("uvicorn", "gunicorn"):
        site = start(kind, DATABASES={"default": database})
        job_id = site.client.post("/bulk/jobs", json=LOAD).json()["job_id"]
        assert site.client.get(f"/bulk/jobs/{job_id}?wait=1").json()["state"] == "Open"
        assert not [path for path in open_files(site.pid) if "own.sqlite3" in path]


def open_files(pid: int) -> list[str]:
    return [os.readlink(link) for link in Path(f"/proc/{pid}/fd").iterdir() if link.exists()]


# ---- the one of each process ----------------------------------------------------------------------------------

PROCESSES = """
import atexit, os, sys, threading
seen = []
atexit.register(lambda: print("closed", seen[0]._closed, flush=True))
import django
django.setup()
from spectra.hosts.django import spectra
assert not {"duckdb", "sqlite3"} & set(sys.modules), "loaded a driver"
barrier = threading.Barrier(8)
found = []
def first():
    barrier.wait()
    found.append(spectra())
crowd = [threading.Thread(target=first) for _ in range(8)]
[one.start() for one in crowd], [one.join() for one in crowd]
assert len({id(one) for one in found}) == 1
seen.append(spectra())
print(spectra().settings.idle_seconds, spectra().settings.bulk_max_concurrent_jobs, flush=True)
if child := os.fork():
    assert os.waitpid(child, 0)[1] == 0
    assert spectra() is seen[0]
else:
    assert spectra() is not seen[0]
    assert spectra() is spectra()
    os._exit(0)
"""


def ran(tmp_path: Path, code: str, **site: Any) -> str:
    with process("-c", code, log=tmp_path / "ran", env=environment(tmp_path, **site)) as running:
        assert running.ended() == 0
        return running.said()


def test_each_process_has_one_and_closes_it(tmp_path: Path) -> None:
    """Fields of SPECTRA go before variables, which fill in the others."""
    env = {"idle_seconds": 7, "home": str(tmp_path / "home")}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SPECTRA_IDLE_SECONDS", "9")
        patch.setenv("SPECTRA_BULK_MAX_CONCURRENT_JOBS", "3")
        assert ran(tmp_path, PROCESSES, SPECTRA=env) == "7 3\nclosed True\n"


CHECKS = """
import json, sys, django
django.setup()
from django.core.checks import run_checks
from django.test import override_settings
from spectra.hosts.django import configured
for case in json.loads(sys.argv[1]):
    configured._of_process.clear()
    with override_settings(**case):
        print(json.dumps([[found.id, f"{found.msg} {found.hint}"] for found in run_checks(tags=["spectra"])]))
"""
SESSIONS = "django.contrib.sessions.middleware.SessionMiddleware"
CSRF = "django.middleware.csrf.CsrfViewMiddleware"
CASES: list[tuple[dict[str, Any], str | None, str]] = [
    ({}, None, ""),
    ({"SPECTRA_TRUSTED_ORIGINS": ["https://app.example.com", "http://localhost:3000/"]}, None, ""),
    ({"SPECTRA": {"home": None}}, "spectra.E001", "SPECTRA_HOME"),
    ({"SPECTRA": {"hom": "x"}}, "spectra.E001", "SPECTRA['hom']"),
    ({"SPECTRA": {"job_ttl_days": -1}}, "spectra.E001", "SPECTRA_JOB_TTL_DAYS"),
    ({"SPECTRA": {"bulk_max_file_size_mb": "much"}}, "spectra.E001", "SPECTRA_BULK_MAX_FILE_SIZE_MB"),
    ({"SPECTRA": 3}, "spectra.E001", "dict of settings"),
    ({"SPECTRA": "tests.hosts.site.nothing.at_all"}, "spectra.E001", "No module"),
    ({"SPECTRA": "tests.hosts.site.callers.who_is_in_the_path"}, "spectra.E001", "SPECTRA"),
    ({"SPECTRA_CALLER": None}, "spectra.E002", "SPECTRA_CALLER is not set"),
    ({"SPECTRA_CALLER": 3}, "spectra.E002", "3 is no function"),
    ({"SPECTRA_CALLER": "tests.hosts.site.callers.who"}, "spectra.E002", "who"),
    ({"SPECTRA_TRUSTED_ORIGINS": "https://app.example.com"}, "spectra.E003", "app.example.com"),
    ({"SPECTRA_TRUSTED_ORIGINS": ["app.example.com"]}, "spectra.E003", "app.example.com"),
    ({"SPECTRA_TRUSTED_ORIGINS": ["https://*.example.com"]}, "spectra.E003", "no wildcard"),
    ({"SPECTRA_TRUSTED_ORIGINS": ["https://a.example/path"]}, "spectra.E003", "no path"),
    ({"SPECTRA_TRUSTED_ORIGINS": [3]}, "spectra.E003", "3"),
    ({"MIDDLEWARE": [SESSIONS]}, "spectra.W001", "CsrfViewMiddleware"),
    ({"MIDDLEWARE": [SESSIONS, CSRF]}, None, ""),
]


def test_checks_say_what_is_missing(tmp_path: Path) -> None:
    with process(
        "-c",
        CHECKS,
        json.dumps([case for case, _, _ in CASES]),
        log=tmp_path / "ran",
        env=environment(tmp_path),
    ) as running:
        assert running.ended() == 0
        said = [json.loads(line) for line in running.said().splitlines()]
    for (case, expected, text), found in zip(CASES, said, strict=True):
        assert [one[0] for one in found] == ([expected] if expected else []), (case, found)
        assert not found or text in found[0][1], (case, found)


def test_checks_run_at_start_up(tmp_path: Path) -> None:
    for site, code, text in (
        ({"SPECTRA_CALLER": None}, 1, "spectra.E002"),
        ({"SPECTRA_CALLER": None, "ROOT_URLCONF": "tests.hosts.site.empty"}, 0, "no issues"),
        ({}, 0, "no issues"),
    ):
        (tmp_path / "log").unlink(missing_ok=True)
        with process(
            "-m", "django", "check", log=tmp_path / "log", env=environment(tmp_path, **site)
        ) as running:
            assert running.ended() == code
            assert text in running.said()


def test_a_function_may_make_it(tmp_path: Path) -> None:
    code = """
import django
django.setup()
from django.test import override_settings
from spectra.hosts.django import spectra
with override_settings(SPECTRA="tests.hosts.site.callers.own_spectra"):
    print(type(spectra().job_store).__name__)
"""
    assert ran(tmp_path, code) == "MemoryJobStore\n"


def test_without_django_it_says_what_to_install(tmp_path: Path) -> None:
    code = """
import sys
sys.modules["django"] = None
try:
    import spectra.hosts.django
except Exception as exc:
    print(type(exc).__name__, exc)
"""
    said = ran(tmp_path, code)
    assert said == "MissingExtraError django is not installed; run: pip install 'redshift-spectra[django]'\n"
