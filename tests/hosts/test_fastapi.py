"""What is FastAPI's own: dependencies as callers, waits without threads, bodies through the event loop, the document."""

from __future__ import annotations

import asyncio
import io
import json
import re
import socket
import subprocess
import sys
import threading
import time
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

import anyio
import anyio.to_thread
import httpx
import pytest
from fastapi import Depends, FastAPI, HTTPException, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from spectra import Caller, ExportSpec, LoadSpec, Spectra
from spectra.errors import ClosedError, WarehouseLockedError
from spectra.hosts import asgi
from spectra.hosts.fastapi import lifespan, router
from spectra.hosts.http import ROUTES
from tests.hosts.uvicorn_server import serving

ME = Caller("tenant-1", actor="tests")


def me():
    return ME


def application(spectra, **options):
    app = FastAPI()
    app.include_router(router(spectra, caller=options.pop("caller", me), **options))
    return app


@pytest.fixture
def spectra():
    with Spectra.in_memory() as made:
        yield made


@pytest.fixture
def load(spectra):
    return spectra.jobs.create(ME, LoadSpec(operation="insert", object="t")).job


def until(holds, seconds=10):
    end = time.monotonic() + seconds
    while not (found := holds()):
        assert time.monotonic() < end
        time.sleep(0.02)
    return found


@contextmanager
def connection(url):
    """A socket, for a client that does not behave."""
    where = urlsplit(url)
    with socket.create_connection((where.hostname, where.port), timeout=10) as client:
        yield client


# ---- callers ------------------------------------------------------------------------------------------


async def by_request(request: Request) -> Caller:
    if request.headers.get("x-who") != "me":
        raise HTTPException(401, "who?", {"WWW-Authenticate": "Who"})
    return ME


def by_token(credentials: Annotated[HTTPAuthorizationCredentials, Depends(HTTPBearer())]) -> Caller:
    if credentials.credentials != "secret":
        raise HTTPException(403, "not you")
    return Caller("tenant-1")


def in_process(app, root_path=""):
    """A client without a socket; *root_path* is what a proxy has cut off."""
    transport = httpx.ASGITransport(app, root_path=root_path)
    return httpx.AsyncClient(transport=transport, base_url="http://host.example")


@pytest.mark.parametrize(
    ("caller", "headers", "refused"),
    [
        (by_request, {"X-Who": "me"}, 401),
        (by_token, {"Authorization": "Bearer secret"}, 401),
    ],
)
def test_callers_are_dependencies_and_their_refusals_the_hosts_own(spectra, load, caller, headers, refused):
    async def ask():
        async with in_process(application(spectra, caller=caller)) as client:
            for route in ROUTES:
                path = route.path.format(job_id=load.job_id, token="x")
                reply = await client.request(route.method, path)
                assert reply.text.startswith('{"detail":') == route.needs_caller
            assert reply.status_code == 200
            reply = await client.get(f"/bulk/jobs/{load.job_id}", headers=headers)
            assert (reply.status_code, reply.json()["job_id"]) == (200, load.job_id)
            reply = await client.get("/bulk/jobs")
            assert reply.status_code == refused
            assert "www-authenticate" in reply.headers

    asyncio.run(ask())


def test_security_stands_in_the_document(spectra):
    app = application(spectra, caller=by_token)
    document = app.openapi()
    assert document["components"]["securitySchemes"] == {"HTTPBearer": {"type": "http", "scheme": "bearer"}}
    for route in ROUTES:
        said = document["paths"][route.path][route.method.lower()]
        assert ("security" in said) == route.needs_caller


def test_a_caller_that_is_none_is_the_hosts_fault(spectra, load):
    async def ask():
        async with in_process(application(spectra, caller=lambda: "tenant-1")) as client:
            return await client.get(f"/bulk/jobs/{load.job_id}")

    reply = asyncio.run(ask())
    assert (reply.status_code, reply.json()["error"]["code"]) == (500, "INTERNAL")


def test_a_caller_is_needed(spectra):
    with pytest.raises(TypeError, match="caller must be a dependency"):
        router(spectra, caller=None)


# ---- where it is --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("prefixes", "root_path", "public_url", "expected"),
    [
        (("", ""), "", None, "http://host.example"),
        (("/api", "/v1"), "", None, "http://host.example/v1/api"),
        (("/api", ""), "/cut-off", None, "http://host.example/cut-off/api"),
        (("/é ?", ""), "", None, "http://host.example/%C3%A9%20%3F"),
        (("/api", "/v1"), "", "https://public.example/spectra/", "https://public.example/spectra"),
    ],
)
def test_links_lead_to_where_the_router_is(spectra, load, prefixes, root_path, public_url, expected):
    app = FastAPI()
    inner, outer = prefixes
    app.include_router(router(spectra, caller=me, prefix=inner, public_url=public_url), prefix=outer)

    async def ask():
        async with in_process(app, root_path) as client:
            path = f"{outer}{inner}/bulk/jobs/{load.job_id}/upload-url".replace("?", "%3F")
            target = (await client.get(path)).json()
            assert target["upload_url"].startswith(f"{expected}/files/")
            new = await client.post(
                path[: -len(f"/{load.job_id}/upload-url")], json={"operation": "query", "query": "select 1"}
            )
            assert new.headers["location"] == f"{expected}/bulk/jobs/{new.json()['job_id']}"
            if public_url is None and not root_path:
                assert (await client.put(target["upload_url"], content=b"id\n1\n")).status_code == 204

    asyncio.run(ask())


def test_links_lead_to_below_a_mounted_application(spectra):
    """Of mounts and of uvicorn's --root-path the URL's path has all of it."""
    app = FastAPI()
    app.mount("/below", application(spectra))

    async def ask():
        async with in_process(app) as client:
            new = await client.post("/below/bulk/jobs", json={"operation": "query", "query": "select 1"})
            assert urlsplit(new.headers["location"]).path == f"/below/bulk/jobs/{new.json()['job_id']}"

    asyncio.run(ask())


def test_a_prefix_may_have_parameters_of_the_hosts(spectra):
    def caller(tenant: str) -> Caller:
        return Caller(tenant)

    app = FastAPI()
    app.include_router(router(spectra, caller=caller), prefix="/of/{tenant}")

    async def ask():
        async with in_process(app) as client:
            new = await client.post("/of/a/bulk/jobs", json={"operation": "query", "query": "select 1"})
            assert new.json()["tenant_id"] == "a"
            assert urlsplit(new.headers["location"]).path == f"/of/a/bulk/jobs/{new.json()['job_id']}"
            assert (await client.get(new.headers["location"])).status_code == 200
            assert (await client.get(new.headers["location"].replace("/of/a/", "/of/b/"))).status_code == 404

    asyncio.run(ask())


def test_a_host_header_of_nonsense_fails_nothing(spectra, load):
    async def ask(host):
        async with in_process(application(spectra)) as client:
            return await client.get(f"/bulk/jobs/{load.job_id}/upload-url", headers={"Host": host})

    for host in ("[", "a b", "x:y", "\u00e9".encode(), "@"):
        assert asyncio.run(ask(host)).status_code == 200


# ---- waiting ------------------------------------------------------------------------------------------


def with_threads(number, app):
    """*app* on a pool of so many threads."""

    @asynccontextmanager
    async def lifespan(_):
        anyio.to_thread.current_default_thread_limiter().total_tokens = number
        yield

    app.router.lifespan_context = lifespan
    return app


def test_waiting_holds_no_thread(spectra, load):
    """Fifty wait on a pool of two threads, and reads pass by."""

    async def ask(url):
        async with httpx.AsyncClient(
            base_url=url, timeout=30, limits=httpx.Limits(max_connections=100)
        ) as client:
            path = f"/bulk/jobs/{load.job_id}"
            waiting = [asyncio.create_task(client.get(path, params={"wait": 20})) for _ in range(50)]
            await asyncio.sleep(1)
            for _ in range(5):
                begun = time.monotonic()
                assert (await client.get(path)).json()["state"] == "Open"
                assert time.monotonic() - begun < 2
            assert not any(task.done() for task in waiting)
            await client.patch(path, json={"state": "Aborted"})
            replies = await asyncio.gather(*waiting)
            assert {reply.json()["state"] for reply in replies} == {"Aborted"}

    with serving(with_threads(2, application(spectra))) as url:
        asyncio.run(ask(url))


def test_a_store_that_takes_long_to_write_holds_up_no_read(spectra, load):
    """On a pool of two threads, while ten jobs wait to be written."""
    watched = watch(spectra)
    watched.may_add.clear()

    async def ask(url):
        async with httpx.AsyncClient(base_url=url, timeout=30) as client:
            new = {"operation": "query", "query": "select 1"}
            writing = [asyncio.create_task(client.post("/bulk/jobs", json=new)) for _ in range(10)]
            await asyncio.sleep(0.5)
            for _ in range(5):
                assert (await client.get(f"/bulk/jobs/{load.job_id}")).status_code == 200
            assert not any(task.done() for task in writing)
            watched.may_add.set()
            assert {reply.status_code for reply in await asyncio.gather(*writing)} == {201}

    try:
        with serving(with_threads(2, application(spectra))) as url:
            asyncio.run(ask(url))
    finally:
        watched.may_add.set()


class WatchedStore:
    """A job store that counts its reads, and adds when it may."""

    def __init__(self, store):
        self._store, self.reads = store, 0
        self.may_add = threading.Event()
        self.may_add.set()

    def __getattr__(self, name):
        return getattr(self._store, name)

    def get(self, *args):
        self.reads += 1
        return self._store.get(*args)

    def add(self, job):
        assert self.may_add.wait(30)
        return self._store.add(job)


def watch(spectra):
    spectra.__dict__["job_store"] = watched = WatchedStore(spectra.job_store)
    spectra.__dict__.pop("jobs", None)  # which has the store itself
    return watched


def test_nobody_looks_for_a_client_that_is_gone(spectra, load):
    counting = watch(spectra)
    with serving(application(spectra)) as url:
        with connection(url) as client:
            client.sendall(f"GET /bulk/jobs/{load.job_id}?wait=25 HTTP/1.1\r\nHost: x\r\n\r\n".encode())
            until(lambda: counting.reads >= 3)
        time.sleep(2.5)  # the longest pause between looks
        seen = counting.reads
        time.sleep(2.5)
        assert counting.reads == seen


# ---- uploads ------------------------------------------------------------------------------------------


def head(load, length=None):
    framing = f"Content-Length: {length}" if length is not None else "Transfer-Encoding: chunked"
    return f"PUT /bulk/jobs/{load.job_id}/upload HTTP/1.1\r\nHost: x\r\n{framing}\r\n\r\n".encode()


def chunk(data):
    return b"%x\r\n%s\r\n" % (len(data), data)


@contextmanager
def held_up(spectra):
    """The result store writes nothing until it is told to; yields what tells it, and what it was given."""
    store = spectra.result_store
    go, blocks = threading.Event(), []

    class Writer:
        def __init__(self, writer):
            self._writer = writer

        def write(self, data):
            blocks.append(len(data))
            assert go.wait(30)
            return self._writer.write(data)

    open_write = store.open_write

    @contextmanager
    def slow(location):
        with open_write(location) as writer:
            yield Writer(writer)

    store.open_write = slow
    try:
        yield go, blocks
    finally:
        go.set()
        del store.open_write


def test_what_the_store_does_not_take_stays_with_the_client(spectra, load):
    """Of fifty megabytes a store that stands still has been given a block, and this process a few."""
    sent = 0
    with serving(application(spectra)) as url, held_up(spectra) as (go, blocks), connection(url) as client:
        client.sendall(head(load, 50_000_000))
        client.settimeout(1.5)
        with pytest.raises(TimeoutError):
            while sent < 50_000_000:
                sent += client.send(b"x" * 65_536)
        assert blocks == [asgi.BLOCK]
        assert sent < 16_000_000  # most of it in the kernel's buffers
        go.set()
        client.settimeout(30)
        while sent < 50_000_000:
            sent += client.send(b"x" * min(65_536, 50_000_000 - sent))
        assert client.recv(100).startswith(b"HTTP/1.1 204")
        assert max(blocks) <= asgi.BLOCK
        assert sum(blocks) == 50_000_000


@pytest.mark.parametrize("length", [None, 10_000_000], ids=["chunked", "with a length"])
def test_a_client_that_vanishes_leaves_nothing(tmp_path, length):
    with Spectra.embedded(tmp_path) as spectra, serving(application(spectra)) as url:
        load = spectra.jobs.create(ME, LoadSpec(operation="insert", object="t")).job
        data = b"1\n" * 200_000
        with connection(url) as client:
            client.sendall(head(load, length) + (chunk(data) if length is None else data))
            until(lambda: list(tmp_path.glob("files/.spectra/tmp/file-*")))
        until(lambda: not list(tmp_path.glob("files/.spectra/tmp/file-*")))
        assert not list(tmp_path.glob("files/*/*/upload/*"))
        reply = httpx.patch(f"{url}/bulk/jobs/{load.job_id}", json={"state": "UploadComplete"})
        assert (reply.status_code, reply.json()["error"]["code"]) == (409, "NO_DATA")


@pytest.mark.parametrize("path", ["/bulk/jobs/{}/upload", "/bulk/jobs/{}"], ids=["upload", "JSON"])
def test_a_client_that_stands_still_is_told_so(spectra, load, monkeypatch, path):
    monkeypatch.setattr(asgi, "SECONDS", 0.3)
    method = "PUT" if path.endswith("upload") else "PATCH"
    with serving(application(spectra)) as url, connection(url) as client:
        where = path.format(load.job_id)
        client.sendall(f"{method} {where} HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nabc".encode())
        reply = b""
        while b"send it again" not in reply:
            reply += client.recv(65_536)
    assert reply.startswith(b"HTTP/1.1 400")
    assert b"x-request-id" in reply
    assert b"body: stood still for 0.3 seconds" in reply


def test_slow_bodies_hold_up_nobody(spectra, load):
    """Twenty uploads that do not end, and more such requests than changes have threads."""
    with serving(with_threads(2, application(spectra))) as url:
        number = asgi.CHANGES + 20
        clients = [
            socket.create_connection(urlsplit(url).netloc.split(":"), timeout=10) for _ in range(number)
        ]
        slow = f"PATCH /bulk/jobs/{load.job_id} HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n{{".encode()
        try:
            for place, client in enumerate(clients):
                client.sendall(slow if place < asgi.CHANGES else head(load) + chunk(b"1"))
            time.sleep(0.5)
            for _ in range(5):
                assert httpx.get(f"{url}/bulk/jobs/{load.job_id}", timeout=5).status_code == 200
            aborted = httpx.patch(f"{url}/bulk/jobs/{load.job_id}", json={"state": "Aborted"}, timeout=5)
            assert aborted.json()["state"] == "Aborted"
        finally:
            for client in clients:
                client.close()


def test_a_body_larger_than_a_request_may_be(spectra):
    with serving(application(spectra)) as url, connection(url) as client:
        client.sendall(
            b"POST /bulk/jobs HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
        )
        for _ in range(17):
            client.sendall(chunk(b" " * 65_536))
        assert client.recv(1000).startswith(b"HTTP/1.1 413")


def test_a_limit_of_the_hosts_own_is_its_own_answer(spectra, load):
    app = FastAPI(max_body_size=100_000)
    app.include_router(router(spectra, caller=me))

    async def ask():
        async with in_process(app) as client:

            async def body():
                for _ in range(10):
                    yield b"x" * 50_000

            for method, path in (("PUT", "/upload"), ("PATCH", "")):
                reply = await client.request(method, f"/bulk/jobs/{load.job_id}{path}", content=body())
                assert reply.status_code == 413
                assert "detail" in reply.json()

    asyncio.run(ask())


# ---- downloads ----------------------------------------------------------------------------------------


class Watched(io.RawIOBase):
    """An endless file."""

    def __init__(self):
        self.given = 0

    def read(self, size=-1):
        self.given += size
        return b"x" * size


def test_a_download_is_read_at_the_clients_pace_and_closed(spectra, load, monkeypatch):
    with spectra.jobs.open_upload(ME, load.job_id) as writer:
        writer.write(b"1\n")
    store, file = spectra.result_store, Watched()
    place = store.location(ME.tenant_id, load.job_id, "upload") + "data"
    link = store.download_link(place, filename="data.csv", expires_at=load.deadline_at).url
    monkeypatch.setattr(store, "stat", lambda _: type("Info", (), {"bytes": 2**40, "etag": "e"})())
    monkeypatch.setattr(store, "open_read", lambda _, **__: file)
    with serving(application(spectra)) as url:
        with connection(url) as client:
            client.sendall(f"GET {link} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
            client.recv(1000)
            time.sleep(1)
            seen = file.given
            time.sleep(0.5)
            assert file.given == seen < 32_000_000
        until(lambda: file.closed)


def test_a_download_that_never_began_is_closed_too():
    file = Watched()

    async def broken(_):
        raise OSError("gone")

    async def receive():
        return {"type": "http.disconnect"}

    async def ask():
        await asgi.File(file, 200, {})({"type": "http"}, receive, broken)

    with pytest.raises((OSError, ExceptionGroup)):
        asyncio.run(ask())
    assert file.closed


# ---- the rest -----------------------------------------------------------------------------------------


def test_replies_have_the_cores_headers_and_a_length(spectra, load):
    async def ask():
        async with in_process(application(spectra)) as client:
            path = f"/bulk/jobs/{load.job_id}"
            read = await client.get(path, headers={"X-Request-ID": "r1"})
            same = await client.get(
                path, headers={"X-Request-ID": "r1", "If-None-Match": read.headers["etag"]}
            )
            return read, same, await client.get("/bulk/jobs/x")

    read, same, missing = asyncio.run(ask())
    expected = {"cache-control": "private, no-cache", "etag": '"1"', "retry-after": "2", "x-request-id": "r1"}
    assert dict(same.headers) == expected
    assert dict(read.headers) == expected | {
        "content-type": "application/json",
        "content-length": str(len(read.content)),
    }
    assert missing.status_code == 404
    assert missing.json()["error"]["request_id"] == missing.headers["x-request-id"]


def test_the_document_names_its_schemas(spectra):
    document = application(spectra, prefix="/api").openapi()
    assert document["openapi"].startswith("3.1")
    assert {"Job", "CreatedJob", "JobList", "Results", "UploadTarget", "QueryReply", "Error"} <= document[
        "components"
    ]["schemas"].keys()
    assert document["components"]["schemas"]["Job"]["properties"]["state"]["enum"][0] == "Open"
    references = set(re.findall(r'"\$ref": "([^"]+)"', json.dumps(document)))
    assert references == {f"#/components/schemas/{name}" for name in document["components"]["schemas"]}
    for route in ROUTES:
        said = document["paths"][f"/api{route.path}"][route.method.lower()]
        assert said["operationId"] == route.name
        assert said["summary"]
        assert said["tags"] == [route.of]
        assert "422" not in said["responses"] or route.name in ("create_job", "retry_job", "run_query")


def test_routes_have_names_of_their_own(spectra):
    app = application(spectra, prefix="/api")
    assert app.url_path_for("spectra:read_job", job_id="j") == "/api/bulk/jobs/j"


def test_a_lifespan_has_a_worker_inside_and_ends_all(tmp_path):
    spectra = Spectra.embedded(tmp_path)
    app = FastAPI(lifespan=lifespan(spectra))
    app.include_router(router(spectra, caller=me))
    with serving(app) as url:
        made = httpx.post(f"{url}/bulk/jobs", json={"operation": "query", "query": "select 1 as one"}).json()
        done = httpx.get(f"{url}/bulk/jobs/{made['job_id']}", params={"wait": 20}, timeout=30).json()
        assert done["state"] == "JobComplete"
        link = httpx.get(f"{url}/bulk/jobs/{made['job_id']}/results").json()["download_url"]
        assert httpx.get(link).text == "one\n1\n"
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("spectra")]
    with pytest.raises(ClosedError):
        _ = spectra.jobs
    with Spectra.embedded(tmp_path) as again:
        assert again.jobs.get(ME, made["job_id"]).is_terminal


def test_a_worker_that_cannot_start_is_told_at_once(tmp_path):
    """Another process holds the warehouse: the host does not come up without its worker."""
    code = f"from spectra import Spectra\ns = Spectra.embedded({str(tmp_path)!r})\ns.executor.connect(); print('up', flush=True); input()"

    async def start(spectra):
        async with lifespan(spectra)(None):
            raise AssertionError("it started")

    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as other:
        assert other.stdout.readline() == b"up\n"
        spectra = Spectra.embedded(tmp_path)
        with pytest.raises(WarehouseLockedError):
            asyncio.run(start(spectra))
        with pytest.raises(ClosedError):
            _ = spectra.jobs
        other.communicate(b"\n")


def test_a_missing_extra_says_the_command():
    code = (
        "import sys; sys.modules['fastapi'] = None\n"
        "from spectra.errors import MissingExtraError\n"
        "try:\n    import spectra.hosts.fastapi\nexcept MissingExtraError as exc:\n    print(exc)"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert said == "fastapi is not installed; run: pip install 'redshift-spectra[fastapi]'\n"


# ---- the page -----------------------------------------------------------------------------------------


@pytest.fixture
def examples(tmp_path, monkeypatch):
    """The page's Python, run in a folder of its own."""
    monkeypatch.chdir(tmp_path)
    text = (Path(__file__).parents[2] / "docs" / "fastapi.md").read_text(encoding="utf-8")
    ran = []
    for number, code in enumerate(re.findall(r"^```python\n(.*?)^```", text, re.DOTALL | re.MULTILINE)):
        ran.append({})
        exec(
            compile(code.replace('"my-spectra"', f'"my-spectra-{number}"'), "docs/fastapi.md", "exec"),
            ran[-1],
        )
    yield ran
    for one in ran:
        one["spectra"].close()


def test_the_pages_application(examples):
    async def ask():
        async with in_process(examples[0]["app"]) as client:
            return await client.get("/api/bulk/jobs")

    assert asyncio.run(ask()).json() == {"jobs": [], "next_cursor": None}


def test_the_pages_routes_of_ones_own(examples):
    async def ask():
        async with in_process(examples[1]["app"]) as client:
            return await client.post("/sales/2024/export")

    made = asyncio.run(ask())
    assert (made.status_code, made.json()["state"]) == (201, "UploadComplete")
    examples[1]["spectra"].close()
    refused = asyncio.run(ask())
    assert (refused.status_code, refused.json()["error"]["code"]) == (500, "CLOSED")
