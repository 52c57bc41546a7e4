"""What is Flask's own: where it is mounted, what is the host's, bodies and downloads of its servers."""

from __future__ import annotations

import http.client
import logging
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from flask import Flask, Request, abort
from werkzeug.middleware.dispatcher import DispatcherMiddleware
from werkzeug.middleware.proxy_fix import ProxyFix
from werkzeug.serving import make_server

from spectra import Caller, ExportSpec, LoadSpec, Spectra
from spectra.adapters.embedded import DirectoryResultStore
from spectra.hosts.flask import blueprint
from tests.hosts.processes import until

ME = Caller("acme")
JSON = {"Content-Type": "application/json"}


def acme(_: Request) -> Caller:
    return ME


class Watched(DirectoryResultStore):
    """Remembers what was opened for reading."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.opened: list[Any] = []

    def open_read(self, location: str, /, *, start: int = 0, length: int | None = None) -> Any:
        stream = super().open_read(location, start=start, length=length)
        self.opened.append(stream)
        return stream


@pytest.fixture
def spectra(tmp_path: Path) -> Iterator[Spectra]:
    with Spectra.embedded(tmp_path / "home") as made:
        made.result_store.close()
        made.result_store = Watched(tmp_path / "home" / "files")
        yield made


@pytest.fixture
def serve() -> Iterator[Callable[[Any], str]]:
    """Serves an application on a socket; gives where."""
    servers = []

    def start(app: Any) -> str:
        server = make_server("127.0.0.1", 0, app, threaded=True)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        servers.append((server, thread))
        return f"http://127.0.0.1:{server.server_port}"

    yield start
    for server, thread in servers:
        server.shutdown()
        thread.join()
        server.server_close()


def app_of(spectra: Spectra, **options: Any) -> Flask:
    app = Flask(__name__)
    app.register_blueprint(blueprint(spectra, **{"caller": acme, **options}))
    return app


def exported(spectra: Spectra, rows: int = 3) -> str:
    """A complete export, by a worker."""
    query = f"select range as number, repeat('x', 90) as filler from range({rows})"
    job = spectra.jobs.create(ME, ExportSpec(query=query, single_file=True)).job
    spectra.worker().run_once()
    return job.job_id


def link_of(where: str, job_id: str) -> str:
    return str(httpx.get(f"{where}/bulk/jobs/{job_id}/results").json()["download_url"])


# ---- where it is ----------------------------------------------------------------------------------------


def test_links_lead_to_where_it_is_mounted(spectra: Spectra, serve: Any) -> None:
    """Below another application, below a prefix that names the tenant."""
    app = Flask(__name__)
    who = lambda request: Caller(request.view_args["tenant"])  # noqa: E731
    app.register_blueprint(blueprint(spectra, caller=who), url_prefix="/tenants/<tenant>/é")
    where = serve(DispatcherMiddleware(Flask("other"), {"/below": app})) + "/below/tenants/acme/%C3%A9"
    created = httpx.post(f"{where}/bulk/jobs", json={"operation": "query", "query": "select 42 as answer"})
    assert created.status_code == 201
    assert created.json()["tenant_id"] == "acme"
    job_id = created.json()["job_id"]
    assert created.headers["Location"] == f"{where}/bulk/jobs/{job_id}"
    spectra.worker().run_once()
    link = link_of(where, job_id)
    assert link.startswith(f"{where}/files/")
    assert httpx.get(link).text == "answer\n42\n"


def test_links_begin_with_the_public_url(spectra: Spectra, serve: Any) -> None:
    where = serve(app_of(spectra, public_url="https://api.example.com/v1/"))
    job_id = exported(spectra)
    assert link_of(where, job_id).startswith("https://api.example.com/v1/files/")


def test_behind_a_proxy_flask_says_what_to_believe(spectra: Spectra, serve: Any) -> None:
    app = app_of(spectra)
    app.wsgi_app = ProxyFix(app.wsgi_app, x_proto=1, x_host=1, x_prefix=1)  # type: ignore[method-assign]
    where = serve(app)
    proxied = {
        "X-Forwarded-Host": "app.example.com",
        "X-Forwarded-Proto": "https",
        "X-Forwarded-Prefix": "/api",
    }
    body = {"operation": "query", "query": "select 1 as a"}
    created = httpx.post(f"{where}/bulk/jobs", json=body, headers=proxied)
    assert created.headers["Location"].startswith("https://app.example.com/api/bulk/jobs/")
    # An old browser on the page of this very host: it says no more than the origin.
    for origin, status in (("https://app.example.com", 201), ("https://evil.example", 403)):
        asked = httpx.post(f"{where}/bulk/jobs", json=body, headers={**proxied, "Origin": origin})
        assert asked.status_code == status


def test_several_in_one_application(spectra: Spectra, serve: Any) -> None:
    app = Flask(__name__)
    with Spectra.in_memory() as other:
        app.register_blueprint(blueprint(spectra, caller=acme, name="one", url_prefix="/one"))
        app.register_blueprint(blueprint(other, caller=acme, name="two", url_prefix="/two"))
        where = serve(app)
        job_id = exported(spectra)
        assert httpx.get(f"{where}/one/bulk/jobs/{job_id}").status_code == 200
        assert httpx.get(f"{where}/two/bulk/jobs/{job_id}").status_code == 404


def test_one_origin_is_a_collection_of_letters(spectra: Spectra) -> None:
    with pytest.raises(TypeError, match="trusted_origins"):
        blueprint(spectra, caller=acme, trusted_origins="https://app.example.com")


# ---- what is the host's -----------------------------------------------------------------------------------


def test_what_the_caller_raises_is_the_hosts(spectra: Spectra, serve: Any) -> None:
    def who(request: Request) -> Caller:
        match request.args.get("state"):
            case "Open":
                abort(401)
            case "Failed":
                raise ZeroDivisionError
        return None  # type: ignore[return-value]

    app = app_of(spectra, caller=who)

    @app.errorhandler(401)
    def refuse(_: Any) -> Any:
        return {"mine": True}, 401, {"WWW-Authenticate": "Bearer"}

    where = serve(app)
    refused = httpx.get(f"{where}/bulk/jobs?state=Open")
    assert (refused.status_code, refused.json()) == (401, {"mine": True})
    assert refused.headers["WWW-Authenticate"] == "Bearer"
    broken = httpx.get(f"{where}/bulk/jobs?state=Failed")
    assert (broken.status_code, broken.headers["Content-Type"]) == (500, "text/html; charset=utf-8")
    nobody = httpx.get(f"{where}/bulk/jobs")
    assert (nobody.status_code, nobody.json()["error"]["code"]) == (500, "INTERNAL")
    # A link is a credential of its own, and whether the process lives is nobody's secret.
    assert httpx.get(f"{where}/health").status_code == 200
    assert httpx.get(f"{where}/files/x").status_code == 403


def test_a_caller_may_read_the_body(spectra: Spectra, serve: Any) -> None:
    """As one does that checks a signature."""
    signed = []

    def checked(request: Request) -> Caller:
        signed.append(request.get_data())
        return ME

    where = serve(app_of(spectra, caller=checked))
    body = b'{"operation": "insert", "object": "items"}'
    made = httpx.post(f"{where}/bulk/jobs", content=body, headers=JSON)
    assert made.status_code == 201, made.text
    path = f"{where}/bulk/jobs/{made.json()['job_id']}"
    assert httpx.put(f"{path}/upload", content=b"id\n1\n").status_code == 204
    assert httpx.patch(path, json={"state": "UploadComplete"}).status_code == 200
    assert signed[:2] == [body, b"id\n1\n"]


def test_paths_and_methods_that_are_none_are_the_hosts(spectra: Spectra, serve: Any) -> None:
    app = app_of(spectra)
    app.register_error_handler(404, lambda _: ({"mine": 404}, 404))
    app.register_error_handler(405, lambda _: ({"mine": 405}, 405))
    where = serve(app)
    assert httpx.get(f"{where}/nothing").json() == {"mine": 404}
    assert httpx.put(f"{where}/bulk/jobs").json() == {"mine": 405}
    # Of a job that does not exist we know ourselves.
    assert httpx.get(f"{where}/bulk/jobs/none").json()["error"]["code"] == "JOB_NOT_FOUND"


def test_responses_without_a_body_have_no_type(spectra: Spectra, serve: Any) -> None:
    where = serve(app_of(spectra))
    job_id = exported(spectra)
    read = httpx.get(f"{where}/bulk/jobs/{job_id}")
    same = httpx.get(f"{where}/bulk/jobs/{job_id}", headers={"If-None-Match": read.headers["ETag"]})
    deleted = httpx.delete(f"{where}/bulk/jobs/{job_id}")
    assert (read.status_code, same.status_code, deleted.status_code) == (200, 304, 204)
    assert read.headers["Content-Type"] == "application/json"
    assert "Content-Type" not in same.headers
    assert "Content-Type" not in deleted.headers


# ---- bodies -----------------------------------------------------------------------------------------------


def opened(spectra: Spectra) -> str:
    return spectra.jobs.create(ME, LoadSpec(operation="insert", object="items")).job.job_id


def test_uploads_may_come_in_chunks(spectra: Spectra, serve: Any) -> None:
    where = serve(app_of(spectra))
    job_id = opened(spectra)
    blocks = iter([b"id\n", b"1\n" * 100_000, b"2\n"])
    assert httpx.put(f"{where}/bulk/jobs/{job_id}/upload", content=blocks).status_code == 204
    assert spectra.jobs.close_upload(ME, job_id).upload.bytes == 200_005


@pytest.mark.parametrize("chunked", [True, False])
@pytest.mark.parametrize("way", ["through the host", "by its link"])
def test_a_client_that_breaks_off_leaves_nothing(
    spectra: Spectra, serve: Any, way: str, chunked: bool, caplog: pytest.LogCaptureFixture
) -> None:
    where = serve(app_of(spectra))
    job_id = opened(spectra)
    path = f"/bulk/jobs/{job_id}/upload"
    if way == "by its link":
        path = spectra.jobs.upload_target(ME, job_id).url
    length = "Transfer-Encoding: chunked" if chunked else "Content-Length: 1000"
    sent = "5\r\nid\n1\n\r\n" if chunked else "id\n1\n"
    with socket.create_connection(("127.0.0.1", int(where.rpartition(":")[2]))) as client:
        client.sendall(f"PUT {path} HTTP/1.1\r\nHost: h\r\n{length}\r\n\r\n{sent}".encode())
        client.shutdown(socket.SHUT_WR)
        answer = client.recv(65_536)
    assert answer.split(b" ")[1] == b"400"
    closed = httpx.patch(f"{where}/bulk/jobs/{job_id}", json={"state": "UploadComplete"})
    assert closed.json()["error"]["code"] == "NO_DATA"
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]


def test_flasks_own_limit_of_a_body_holds(spectra: Spectra, serve: Any) -> None:
    app = app_of(spectra)
    app.config["MAX_CONTENT_LENGTH"] = 1_000
    where = serve(app)
    path = f"{where}/bulk/jobs/{opened(spectra)}/upload"
    assert httpx.put(path, content=b"x" * 1_000).status_code == 204
    assert httpx.put(path, content=b"x" * 1_001).status_code == 413
    # In chunks it is found out on the way, and nothing is taken.
    assert httpx.put(path, content=iter([b"x" * 600, b"y" * 600])).status_code == 400


# ---- downloads --------------------------------------------------------------------------------------------


def test_downloads_are_closed(spectra: Spectra, serve: Any) -> None:
    where = serve(app_of(spectra))
    link = link_of(where, exported(spectra, 300_000))
    spectra.result_store.opened.clear()  # type: ignore[attr-defined]
    whole = httpx.get(link)
    part = httpx.get(link, headers={"Range": "bytes=10-19"})
    assert (whole.status_code, part.status_code) == (200, 206)
    assert part.content == whole.content[10:20]
    seen = spectra.result_store.opened  # type: ignore[attr-defined]
    until(lambda: len(seen) == 2 and all(stream.closed for stream in seen), 10)
    head = httpx.head(link)
    assert (head.status_code, head.headers["Content-Length"]) == (200, str(len(whole.content)))
    assert head.content == b""
    assert len(seen) == 2


def test_a_client_that_goes_away_leaves_no_file_open(
    spectra: Spectra, serve: Any, caplog: pytest.LogCaptureFixture
) -> None:
    where = serve(app_of(spectra))
    link = link_of(where, exported(spectra, 300_000))
    seen = spectra.result_store.opened  # type: ignore[attr-defined]
    seen.clear()
    client = http.client.HTTPConnection("127.0.0.1", int(where.rpartition(":")[2]))
    client.request("GET", link)
    response = client.getresponse()
    assert response.read(1_000)
    assert not seen[0].closed
    response.close()
    client.close()
    until(lambda: seen[0].closed, 10)


def test_a_response_that_is_never_read_is_closed(spectra: Spectra) -> None:
    """A host's own error after ours was made, as WSGI allows."""
    job_id = exported(spectra)
    app = app_of(spectra)
    link = spectra.jobs.results(ME, job_id).parts[0].url
    response = app.test_client().get(link, buffered=False)
    (stream,) = spectra.result_store.opened[-1:]  # type: ignore[attr-defined]
    assert not stream.closed
    response.close()
    assert stream.closed


def test_without_flask_it_says_what_to_install() -> None:
    code = """
import sys
sys.modules["flask"] = None
try:
    import spectra.hosts.flask
except Exception as exc:
    print(type(exc).__name__, exc)
"""
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert said == "MissingExtraError flask is not installed; run: pip install 'redshift-spectra[flask]'\n"
