"""Requests that no honest client sends, and hosts that name the wrong things: what the mapping itself says of them."""

from __future__ import annotations

import io
import json
import logging
from typing import Any

import pytest

from spectra import Caller, LoadSpec, Spectra
from spectra.errors import InvalidSettingsError
from spectra.hosts.http import ROUTES, Api, Request

ME = Caller("acme")
ROUTE = {route.name: route for route in ROUTES}
EXPORT = b'{"operation": "query", "query": "select 1"}'


@pytest.fixture
def spectra() -> Any:
    with Spectra.in_memory() as made:
        yield made


def ask(api: Api, name: str, body: bytes = b"", caller: Any = ME, **more: Any) -> tuple[int, Any]:
    headers = {"content-type": "application/json", **more.pop("headers", {})}
    parameters = more.pop("parameters", {})
    request = Request(
        method=ROUTE[name].method,
        headers=headers,
        body=io.BytesIO(body),
        base_url=more.pop("base_url", "http://h"),
        **more,
    )
    response = api.begin(ROUTE[name], request, parameters, caller).response()
    assert isinstance(response.body, bytes)
    return response.status, json.loads(response.body) if response.body else None


# ---- who asks -----------------------------------------------------------------------------------------


class Lookalike:
    """Of a host's own; whoever takes it for a caller takes a tenant from nobody knows where."""

    tenant_id, actor = "acme", None


@pytest.mark.parametrize(
    "caller", [None, "acme", {"tenant_id": "acme"}, ("acme", 401), Lookalike(), object()]
)
@pytest.mark.parametrize("name", ["create_job", "list_jobs"])
def test_who_is_no_caller_asks_nothing(spectra: Spectra, caplog: Any, caller: Any, name: str) -> None:
    with caplog.at_level(logging.ERROR):
        status, said = ask(Api(spectra), name, EXPORT, caller)
    assert (status, said["error"]["code"]) == (500, "INTERNAL")
    assert "Caller" not in said["error"]["message"]
    assert f"must be a Caller, made by the host; {type(caller).__name__} is none" in caplog.text
    assert not spectra.jobs.find(ME).items


# ---- bodies -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("digits", [19, 5_000])
def test_a_length_beyond_all_measure(spectra: Spectra, digits: int) -> None:
    api, endless = Api(spectra), {"content-length": "9" * digits}
    assert ask(api, "create_job", EXPORT, headers=endless)[0] == 413
    load = spectra.jobs.create(ME, LoadSpec(operation="insert", object="items")).job.job_id
    status, said = ask(api, "upload", b"id\n1\n", parameters={"job_id": load}, headers=endless)
    assert (status, said["error"]["code"]) == (413, "UPLOAD_TOO_LARGE")


@pytest.mark.parametrize(
    "body",
    [
        b'{"operation": "delete", "operation": "query", "query": "select 1"}',
        b'{"operation": "query", "query": "select :a", "parameters": {"a": 1, "\\u0061": 2}}',
    ],
)
def test_a_field_is_said_once(spectra: Spectra, body: bytes) -> None:
    status, said = ask(Api(spectra), "create_job", body)
    assert (status, said["error"]["details"]) == (400, {"field": "body"})
    assert "twice" in said["error"]["message"]


@pytest.mark.parametrize("number", [b'"5"', b"true", b"[5]", b"-1", b"1e400"])
def test_seconds_are_a_number(spectra: Spectra, number: bytes) -> None:
    body = b'{"sql": "select 1", "timeout_seconds": ' + number + b"}"
    status, said = ask(Api(spectra), "run_query", body)
    assert (status, said["error"]["details"]) == (400, {"field": "timeout_seconds"})


@pytest.mark.parametrize("text", ["1_0", "\u0661", " 1", "1\n", "nan", "inf", "+1", "-1", "0x1"])
def test_seconds_of_a_parameter_are_spelled_as_numbers_are(spectra: Spectra, text: str) -> None:
    load = spectra.jobs.create(ME, LoadSpec(operation="insert", object="items")).job.job_id
    status, said = ask(Api(spectra), "read_job", parameters={"job_id": load}, query=[("wait", text)])
    assert (status, said["error"]["details"]) == (400, {"field": "wait"})


# ---- origins ------------------------------------------------------------------------------------------


def change(api: Api, base_url: str = "http://h", **headers: str) -> int:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return ask(api, "create_job", EXPORT, headers=named, base_url=base_url)[0]


@pytest.mark.parametrize("origin", ["null", "", "https://", "about:blank"])
@pytest.mark.parametrize("host", [{}, {"host": ""}])
def test_a_page_from_nowhere_is_not_of_a_host_without_a_name(
    spectra: Spectra, origin: str, host: dict[str, str]
) -> None:
    assert change(Api(spectra), origin=origin, **host) == 403


@pytest.mark.parametrize(
    ("origin", "host", "status"),
    [
        ("https://h.example", "h.example:443", 201),  # as some proxies write it
        ("http://h.example", "h.example:80", 201),
        ("http://h.example", "h.example:443", 403),
        ("https://h.example", "h.example:8443", 403),
        ("https://h.example:8443", "h.example", 403),
        ("https://h.example", "H.Example", 201),
        ("http://[::1]:8000", "[::1]:8000", 201),
        ("http://[::1]:8000", "[::1]", 403),
        ("http://[::1]", "[::1]:80", 201),
        ("https://h.example.evil.example", "h.example", 403),
        ("https://h.example@evil.example", "h.example", 403),
    ],
)
def test_the_pages_host_is_the_requests(spectra: Spectra, origin: str, host: str, status: int) -> None:
    assert change(Api(spectra), origin=origin, host=host) == status


def test_where_clients_see_the_interface_is_its_origin(spectra: Spectra) -> None:
    """A proxy has changed the host's name, and the page is the interface's own all the same."""
    public = "https://app.example.com/api"
    assert change(Api(spectra), public, origin="https://app.example.com", host="10.0.0.7:8000") == 201
    assert change(Api(spectra), public, origin="https://evil.example", host="10.0.0.7:8000") == 403


@pytest.mark.parametrize("written", ["https://App.Example.com/", "https://app.example.com:443"])
def test_an_origin_is_trusted_as_browsers_write_it(spectra: Spectra, written: str) -> None:
    api = Api(spectra, trusted_origins=[written])
    assert change(api, origin="https://app.example.com", sec_fetch_site="cross-site") == 201
    assert change(api, origin="http://app.example.com", sec_fetch_site="cross-site") == 403


@pytest.mark.parametrize(
    "wrong",
    [
        *("*", "null", "", "/", "app.example.com", "https://*.example.com", "https://app.example.com/a"),
        *(
            "https://app.example.com?a",
            "file://",
            "https://me@app.example.com",
            "https://a.example:port",
            None,
        ),
    ],
)
def test_what_no_browser_sends_cannot_be_trusted(spectra: Spectra, wrong: Any) -> None:
    """None of them would do what its writer wants; ``null`` would do much more."""
    with pytest.raises(InvalidSettingsError, match="trusted_origins"):
        Api(spectra, trusted_origins=["https://app.example.com", wrong])
