"""Bodies that do not come whole: whatever the server does with them, a part is never taken for the whole."""

from __future__ import annotations

import io
import json
import logging
from typing import Any

import pytest

from spectra import Caller, LoadSpec, Spectra
from spectra.hosts.http import ROUTES, Api, Request

ME = Caller("acme")
ROUTE = {route.name: route for route in ROUTES}


class BrokenOff(io.RawIOBase):
    """Gives *data* block by block, and then raises as some server does."""

    def __init__(self, data: bytes, error: Exception) -> None:
        self._blocks, self._error = [data], error

    def read(self, size: int = -1) -> bytes:
        if self._blocks:
            return self._blocks.pop()
        raise self._error


class Dribbling(io.BytesIO):
    """Gives a byte a call, as servers may."""

    def read(self, size: int | None = -1) -> bytes:
        return super().read(min(1, size if size is not None and size >= 0 else 1))


@pytest.fixture
def api() -> Any:
    with Spectra.in_memory() as spectra:
        yield Api(spectra)


def answer(api: Api, name: str, parameters: dict[str, str], body: Any, **headers: str) -> tuple[int, Any]:
    named = {key.replace("_", "-"): value for key, value in headers.items()}
    request = Request(method=ROUTE[name].method, headers=named, body=body, base_url="http://h")
    caller = ME if ROUTE[name].needs_caller else None
    response = api.begin(ROUTE[name], request, parameters, caller).response()
    assert isinstance(response.body, bytes)
    return response.status, json.loads(response.body) if response.body else None


def opened(api: Api) -> str:
    return api.spectra.jobs.create(ME, LoadSpec(operation="insert", object="items")).job.job_id


WAYS = ["through the host", "by its link"]


def upload(api: Api, way: str, job_id: str, body: Any, **headers: str) -> tuple[int, Any]:
    if way == "through the host":
        return answer(api, "upload", {"job_id": job_id}, body, **headers)
    token = api.spectra.jobs.upload_target(ME, job_id).url.rpartition("/")[2]
    return answer(api, "upload_by_link", {"token": token}, body, **headers)


def closing(api: Api, job_id: str) -> str:
    body = io.BytesIO(b'{"state": "UploadComplete"}')
    _, found = answer(api, "change_job", {"job_id": job_id}, body, content_type="application/json")
    return str(found.get("state") or found["error"]["code"])


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("error", [ConnectionResetError("gone"), RuntimeError("chunk without an end")])
def test_what_raises_is_dropped_and_is_no_fault_of_ours(
    api: Api, way: str, error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    job_id = opened(api)
    status, found = upload(api, way, job_id, BrokenOff(b"id\n1\n", error), transfer_encoding="chunked")
    assert (status, found["error"]["code"]) == (400, "INVALID_SPEC")
    assert type(error).__name__ in found["error"]["message"]
    assert closing(api, job_id) == "NO_DATA"
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]


@pytest.mark.parametrize("way", WAYS)
def test_what_is_too_short_is_dropped(api: Api, way: str) -> None:
    job_id = opened(api)
    status, found = upload(api, way, job_id, io.BytesIO(b"id\n1\n"), content_length="6")
    assert (status, found["error"]["details"]) == (400, {"field": "body"})
    assert "5 of 6 bytes" in found["error"]["message"]
    assert closing(api, job_id) == "NO_DATA"


@pytest.mark.parametrize("way", WAYS)
def test_chunks_that_the_server_does_not_read_are_refused(api: Api, way: str) -> None:
    """WSGI gives an empty body for them, and 204 would be a lie."""
    job_id = opened(api)
    status, found = upload(api, way, job_id, io.BytesIO(), transfer_encoding="chunked")
    assert status == 400
    assert "Content-Length" in found["error"]["message"]


@pytest.mark.parametrize("way", WAYS)
def test_whole_ones_are_taken(api: Api, way: str) -> None:
    for body, headers in (
        (b"id\n1\n", {"content_length": "5"}),
        (b"id\n1\n", {"transfer_encoding": "chunked"}),
    ):
        job_id = opened(api)
        assert upload(api, way, job_id, Dribbling(body), **headers)[0] == 204
        assert closing(api, job_id) == "UploadComplete"


def test_json_is_read_to_its_end(api: Api) -> None:
    body = json.dumps({"operation": "query", "query": "select 1 as a"}).encode()
    headers = {"content_type": "application/json"}
    assert answer(api, "create_job", {}, Dribbling(body), **headers)[0] == 201
    status, found = answer(api, "create_job", {}, BrokenOff(body[:9], OSError()), **headers)
    assert (status, found["error"]["details"]) == (400, {"field": "body"})
    status, found = answer(
        api, "create_job", {}, io.BytesIO(body), content_length=f"{len(body) + 1}", **headers
    )
    assert (status, found["error"]["details"]) == (400, {"field": "body"})


def test_a_retry_in_chunks_that_nobody_reads_is_no_retry_of_all(api: Api) -> None:
    """An empty body means all; one that was not read means nothing."""
    job = {"job_id": opened(api)}
    assert answer(api, "retry_job", job, io.BytesIO())[0] == 409
    assert answer(api, "retry_job", job, io.BytesIO(), transfer_encoding="chunked")[0] == 400
