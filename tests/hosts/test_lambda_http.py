"""The HTTP interface in a function: events of REST APIs, HTTP APIs and function URLs."""

from __future__ import annotations

import asyncio
import gzip
import json
import subprocess
import sys
import threading
import time
from urllib.parse import urlsplit

import pytest
from fastapi import FastAPI, HTTPException, Request

from spectra import Caller, Spectra
from spectra.hosts.asgi import PATIENCE
from spectra.hosts.fastapi import lifespan, router
from spectra.hosts.lambda_http import http_handler
from tests.hosts.function import Context
from tests.hosts.lambda_events import KINDS, event, reply

ME = Caller("tenant-1")


def caller(request: Request) -> Caller:
    """As the gateway's authorizer says; a function URL has none but IAM's."""
    said = request.scope["aws.event"]["requestContext"].get("authorizer", {})
    claims = said.get("claims") or said.get("jwt", {}).get("claims") or {"custom:tenant": "tenant-1"}
    if claims["custom:tenant"] == "nobody":
        raise HTTPException(401)
    return Caller(claims["custom:tenant"])


@pytest.fixture(autouse=True)
def loop():
    """A function's main thread has a loop; a test's need not."""
    made = asyncio.new_event_loop()
    asyncio.set_event_loop(made)
    yield
    asyncio.set_event_loop(None)
    made.close()


class Function:
    """A function behind one kind of gateway."""

    def __init__(self, kind, spectra, **options):
        self.kind, self.spectra = kind, spectra
        self.app = FastAPI(lifespan=lifespan(spectra))
        self.app.include_router(router(spectra, caller=caller, **options))
        self.handler = http_handler(self.app, base_path="/prod")

    def __call__(self, method, url, *, seconds=30.0, body=b"", **headers):
        headers = {name.replace("_", "-"): value for name, value in headers.items()}
        if isinstance(body, dict):
            body, headers["Content-Type"] = json.dumps(body).encode(), "application/json"
        sent = event(self.kind, method, url, headers=headers, body=body)
        return reply(self.kind, self.handler(json.loads(json.dumps(sent)), Context(seconds)))


@pytest.fixture(params=KINDS)
def kind(request):
    return request.param


@pytest.fixture
def function(kind, tmp_path):
    with Spectra.embedded(tmp_path) as spectra:
        spectra.executor.connect().execute("create table items (id integer primary key, name varchar)")
        yield Function(kind, spectra)


def test_an_export_from_create_to_download(function):
    new = function(
        "POST", "/bulk/jobs", body={"operation": "query", "query": "select 'ü' as name"}, Idempotency_Key="k"
    )
    assert (new.status, new.headers["content-type"]) == (201, "application/json")
    job = new.json()
    assert job["tenant_id"] == "tenant-1"
    same = function(
        "POST", "/bulk/jobs", body={"operation": "query", "query": "select 'ü' as name"}, Idempotency_Key="k"
    )
    assert (same.status, same.json()["replayed"]) == (200, True)
    path = f"/bulk/jobs/{job['job_id']}"
    waits = function("GET", path, If_None_Match=new.headers["etag"])
    assert (waits.status, waits.body, waits.headers["retry-after"]) == (304, b"", "2")
    function.spectra.worker().run_once()
    done = function("GET", path, X_Request_ID="r-1", If_None_Match=new.headers["etag"])
    assert (done.status, done.json()["state"], done.headers["x-request-id"]) == (200, "JobComplete", "r-1")
    link = function("GET", f"{path}/results").json()["download_url"]
    found = function("GET", urlsplit(link).path)
    assert (found.status, found.body) == (200, "name\nü\n".encode())
    assert function("GET", urlsplit(link).path, Range="bytes=5-6").body == "ü".encode()


def test_a_load_with_a_binary_body(function):
    new = function(
        "POST", "/bulk/jobs", body={"operation": "insert", "object": "items", "compression": "GZIP"}
    )
    path = f"/bulk/jobs/{new.json()['job_id']}"
    packed = gzip.compress("id,name\n1,é\n".encode())
    assert function("PUT", f"{path}/upload", body=packed, Content_Type="application/gzip").status == 204
    assert function("PATCH", path, body={"state": "UploadComplete"}).json()["state"] == "UploadComplete"
    function.spectra.worker().run_once()
    assert function("GET", path).json()["number_records_total"] == 1
    assert function.spectra.executor.connect().execute("from items").fetchall() == [(1, "é")]


def test_binary_replies(function):
    new = function(
        "POST", "/bulk/jobs", body={"operation": "query", "query": "select 1 as one", "compression": "GZIP"}
    )
    function.spectra.worker().run_once()
    link = function("GET", f"/bulk/jobs/{new.json()['job_id']}/results").json()["download_url"]
    found = function("GET", urlsplit(link).path)
    assert found.headers["content-type"] == "application/gzip"
    assert found.headers["content-length"] == str(len(found.body))
    assert gzip.decompress(found.body) == b"one\n1\n"
    looked = function("HEAD", urlsplit(link).path)
    assert (looked.status, looked.body, looked.headers["content-length"]) == (200, b"", str(len(found.body)))


def test_parameters_with_several_values_and_awkward_ones(function):
    for text in ("select 1", "select 2"):
        function("POST", "/bulk/jobs", body={"operation": "query", "query": text})
    made = function("POST", "/bulk/jobs", body={"operation": "insert", "object": "items"}).json()
    found = function("GET", "/bulk/jobs?state=Open&state=InProgress&limit=5")
    assert [job["job_id"] for job in found.json()["jobs"]] == [made["job_id"]]
    first = function("GET", "/bulk/jobs?limit=1").json()
    rest = function(
        "GET", f"/bulk/jobs?limit=5&cursor={first['next_cursor'].replace('=', '%3D').replace('+', '%2B')}"
    )
    assert len(rest.json()["jobs"]) == 2
    after = made["created_at"].replace("Z", "%2B00:00")
    assert len(function("GET", f"/bulk/jobs?created_before={after}").json()["jobs"]) == 2
    wrong = function("GET", "/bulk/jobs?limit=1&limit=2")
    assert (wrong.status, wrong.json()["error"]["code"]) == (400, "INVALID_SPEC")


def test_errors_and_what_the_host_refuses(function):
    missing = function("GET", "/bulk/jobs/none")
    assert (missing.status, missing.json()["error"]["code"]) == (404, "JOB_NOT_FOUND")
    assert missing.json()["error"]["request_id"] == missing.headers["x-request-id"]
    broken = function("POST", "/bulk/jobs", body=b"{", Content_Type="application/json")
    assert (broken.status, broken.json()["error"]["message"]) == (400, "body: is not JSON")
    assert function("GET", "/health").json() == {"status": "ok"}
    assert function("GET", "/nothing").status == 404


def test_a_caller_is_whom_the_authorizer_names(tmp_path):
    with Spectra.in_memory() as spectra:
        function = Function("HTTP", spectra)
        sent = event("HTTP", "GET", "/bulk/jobs")
        sent["requestContext"]["authorizer"]["jwt"]["claims"]["custom:tenant"] = "nobody"
        assert function.handler(sent, Context())["statusCode"] == 401


def test_a_wait_ends_before_the_invocation(function):
    made = function("POST", "/bulk/jobs", body={"operation": "insert", "object": "items"}).json()
    path = f"/bulk/jobs/{made['job_id']}"
    begun = time.monotonic()
    reply = function("GET", f"{path}?wait=30", seconds=3.2)
    assert (reply.status, reply.json()["state"]) == (200, "Open")
    assert 0.8 < time.monotonic() - begun < 2.7
    begun = time.monotonic()
    assert function("GET", f"{path}?wait=30", seconds=1).status == 200
    assert time.monotonic() - begun < 0.9


def test_a_wait_that_has_news_ends_at_once(function):
    made = function("POST", "/bulk/jobs", body={"operation": "insert", "object": "items"}).json()
    threading.Timer(0.5, lambda: function.spectra.jobs.abort(ME, made["job_id"])).start()
    begun = time.monotonic()
    reply = function("GET", f"/bulk/jobs/{made['job_id']}?wait=20")
    assert reply.json()["state"] == "Aborted"
    assert time.monotonic() - begun < 10


def test_no_wait_is_longer_than_the_gateway_has_patience(kind):
    seen = []

    async def app(scope, receive, send):
        seen.append(scope[PATIENCE])
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    handler = http_handler(app, margin_seconds=5)
    for seconds in (900, 29, 6):
        handler(event(kind, "GET", "/", stage="$default"), Context(seconds))
    assert seen == [25, 24, 1]


def test_links_lead_to_where_the_function_is(kind):
    with Spectra.in_memory() as spectra:
        function = Function(kind, spectra)
        body = {"operation": "query", "query": "select 1"}
        where = urlsplit(function("POST", "/bulk/jobs", body=body).headers["location"])
        assert (where.scheme, where.path[:11]) == ("https", "/bulk/jobs/")
        assert where.hostname.endswith(("amazonaws.com", "on.aws"))
        function = Function(kind, spectra, public_url="https://api.example.com/prod")
        assert (
            function("POST", "/bulk/jobs", body=body)
            .headers["location"]
            .startswith("https://api.example.com/prod/bulk/")
        )


def test_nothing_is_left_running_between_invocations(function):
    """What a frozen environment would freeze: no worker, no thread of a pool."""
    before = set(threading.enumerate())
    for _ in range(3):
        assert function("GET", "/bulk/jobs").status == 200
    time.sleep(0.2)
    assert set(threading.enumerate()) <= before


def test_a_missing_extra_says_the_command():
    code = (
        "import sys; sys.modules['mangum'] = None\n"
        "from spectra.errors import MissingExtraError\nfrom spectra.hosts.lambda_http import http_handler\n"
        "try:\n    http_handler(None)\nexcept MissingExtraError as exc:\n    print(exc)"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert said == "mangum is not installed; run: pip install 'redshift-spectra[lambda]'\n"
