"""Jobs over HTTP, the same in every host: real sockets, real adapters, a worker in between."""

from __future__ import annotations

import json
import re
import time
import uuid
from typing import Any

import httpx
import pytest

INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
NUMBERS = "select 1 as n, 'one' as word union all select 2, 'two' order by n"
CSV = b"id,name,price\n1,nut,0.5\n2,bolt,1.25\n"


def export(client: httpx.Client, query: str = NUMBERS, **fields: Any) -> dict[str, Any]:
    body = {"operation": "query", "object": "numbers", "query": query, **fields}
    reply = client.post("/bulk/jobs", json=body)
    assert reply.status_code == 201, reply.text
    return dict(reply.json())


def open_load(client: httpx.Client, **fields: Any) -> dict[str, Any]:
    reply = client.post("/bulk/jobs", json={"operation": "insert", "object": "items", **fields})
    assert reply.status_code == 201, reply.text
    assert reply.json()["state"] == "Open"
    return dict(reply.json())


def load(client: httpx.Client, data: bytes = CSV, **fields: Any) -> dict[str, Any]:
    job = open_load(client, **fields)
    path = f"/bulk/jobs/{job['job_id']}"
    assert client.put(f"{path}/upload", content=data).status_code == 204
    closed = client.patch(path, json={"state": "UploadComplete"})
    assert closed.status_code == 200, closed.text
    return dict(closed.json())


def ended(client: httpx.Client, job: dict[str, Any]) -> dict[str, Any]:
    for _ in range(4):
        reply = client.get(f"/bulk/jobs/{job['job_id']}", params={"wait": 30})
        assert reply.status_code == 200, reply.text
        if reply.json()["state"] in ("JobComplete", "Failed", "Aborted"):
            return dict(reply.json())
    raise AssertionError(reply.text)


def problem(reply: httpx.Response, status: int, code: str) -> dict[str, Any]:
    """The error of *reply*, after a look at what every error has."""
    assert reply.status_code == status, reply.text
    error = reply.json()["error"]
    assert error["code"] == code
    assert set(error) == {"code", "category", "retryable", "message", "details", "request_id"}
    assert error["message"]
    assert error["request_id"] == reply.headers["x-request-id"]
    assert ("retry-after" in reply.headers) == error["retryable"]
    return dict(error)


# ---- exports ------------------------------------------------------------------------------------------


def test_an_export_from_its_creation_to_its_rows(client: httpx.Client) -> None:
    created = client.post("/bulk/jobs", json={"operation": "query", "object": "numbers", "query": NUMBERS})
    assert created.status_code == 201
    job = created.json()
    assert created.headers["location"].endswith(f"/bulk/jobs/{job['job_id']}")
    assert (job["state"], job["operation"], job["replayed"]) == ("UploadComplete", "query", False)
    assert (job["query"], job["object"], job["content_type"]) == (NUMBERS, "numbers", "CSV")
    assert job["tenant_id"] == client.headers["x-tenant"]
    assert INSTANT.fullmatch(job["created_at"])
    assert job["completed_at"] is None and job["ttl"] is None

    job = ended(client, job)
    assert (job["state"], job["number_records_processed"], job["number_records_failed"]) == (
        "JobComplete",
        2,
        0,
    )
    assert job["number_records_total"] == 2
    assert INSTANT.fullmatch(job["completed_at"]) and INSTANT.fullmatch(job["ttl"])

    found = client.get(f"/bulk/jobs/{job['job_id']}/results").json()
    assert (found["format"], found["compression"], found["record_count"]) == ("CSV", "NONE", 2)
    assert [column["name"] for column in found["schema"]] == ["n", "word"]
    assert INSTANT.fullmatch(found["expires_at"])
    (part,) = found["parts"]
    assert part["download_url"] == found["download_url"]
    data = httpx.get(found["download_url"])
    assert data.status_code == 200
    assert data.text.splitlines() == ["n,word", "1,one", "2,two"]
    assert len(data.content) == found["size_bytes"] == part["size_bytes"]
    assert client.get(f"/bulk/jobs/{job['job_id']}/failed-results").json()["parts"] == []


def test_the_documented_flow_closes_an_export_too(client: httpx.Client) -> None:
    job = export(client)
    closed = client.patch(f"/bulk/jobs/{job['job_id']}", json={"state": "UploadComplete"})
    assert closed.status_code == 200
    assert ended(client, job)["state"] == "JobComplete"


def test_formats_and_parameters(client: httpx.Client) -> None:
    job = export(
        client,
        "select :word as word, :n + 1 as n",
        parameters={"word": "it's", "n": 41},
        content_type="JSON",
        compression="GZIP",
    )
    assert ended(client, job)["state"] == "JobComplete"
    found = client.get(f"/bulk/jobs/{job['job_id']}/results").json()
    import gzip

    lines = gzip.decompress(httpx.get(found["download_url"]).content).splitlines()
    assert [json.loads(line) for line in lines] == [{"word": "it's", "n": 42}]


def test_a_download_is_resumed_where_it_broke_off(client: httpx.Client, hosted: bool) -> None:
    job = ended(client, export(client))
    url = client.get(f"/bulk/jobs/{job['job_id']}/results").json()["download_url"]
    whole = httpx.get(url)
    size = len(whole.content)
    assert whole.headers["accept-ranges"] == "bytes"
    if hosted:  # S3 signs the method
        head = httpx.head(url)
        assert (head.status_code, head.content, int(head.headers["content-length"])) == (200, b"", size)
    for header, start, end in (
        ("bytes=3-", 3, size),
        ("bytes=0-0", 0, 1),
        ("bytes=-4", size - 4, size),
        (f"bytes=2-{size + 99}", 2, size),
    ):
        part = httpx.get(url, headers={"Range": header})
        assert (part.status_code, part.content) == (206, whole.content[start:end])
        assert part.headers["content-range"] == f"bytes {start}-{end - 1}/{size}"
    assert "attachment" in whole.headers["content-disposition"]
    if not hosted:
        return
    same = httpx.get(url, headers={"Range": "bytes=3-", "If-Range": whole.headers["etag"]})
    assert (same.status_code, same.content) == (206, whole.content[3:])
    other = httpx.get(url, headers={"Range": "bytes=3-", "If-Range": '"another"'})
    assert (other.status_code, other.content) == (200, whole.content)
    beyond = httpx.get(url, headers={"Range": f"bytes={size}-"})
    assert (beyond.status_code, beyond.headers["content-range"]) == (416, f"bytes */{size}")
    for ignored in ("bytes=5-2", "bytes=0-1,3-4", "lines=1-2", "bytes=-"):
        assert httpx.get(url, headers={"Range": ignored}).content == whole.content


def test_a_link_is_good_for_its_file_alone(client: httpx.Client) -> None:
    job = ended(client, export(client))
    url = client.get(f"/bulk/jobs/{job['job_id']}/results").json()["download_url"]
    altered = url[:-2] + ("AA" if not url.endswith("AA") else "BB")
    assert httpx.get(altered).status_code == 403
    assert httpx.put(url, content=b"x").status_code == 403
    short = client.get(f"/bulk/jobs/{job['job_id']}/results", params={"expires_in": 1}).json()
    time.sleep(1.1)
    assert httpx.get(short["download_url"]).status_code == 403


# ---- loads --------------------------------------------------------------------------------------------


def test_a_load_by_link(client: httpx.Client) -> None:
    job = open_load(client)
    path = f"/bulk/jobs/{job['job_id']}"
    target = client.get(f"{path}/upload-url", params={"size": len(CSV)}).json()
    assert target["max_bytes"] >= len(CSV) and INSTANT.fullmatch(target["expires_at"])
    assert (target["method"], target["fields"]) == ("PUT", {})
    sent = httpx.put(target["upload_url"], content=CSV, headers=target["headers"])
    assert sent.status_code in (200, 204), sent.text
    assert client.patch(path, json={"state": "UploadComplete"}).json()["state"] in (
        "UploadComplete",
        "InProgress",
        "JobComplete",
    )
    job = ended(client, job)
    assert (job["state"], job["number_records_total"], job["number_records_failed"]) == ("JobComplete", 2, 0)
    assert (job["key_columns"], job["max_failed_records"]) == ([], 0)


def test_a_load_through_the_host(client: httpx.Client) -> None:
    name = uuid.uuid4().hex[:12]
    data = b"id,name,price\n" + b"".join(b"%d,%s,1.5\n" % (n, name.encode()) for n in range(200_000))

    job = open_load(client)
    path = f"/bulk/jobs/{job['job_id']}"
    assert client.put(f"{path}/upload", content=data).status_code == 204
    assert client.patch(path, json={"state": "UploadComplete"}).status_code == 200
    assert ended(client, job)["number_records_processed"] == 200_000
    counted = client.post(
        "/queries",
        json={"sql": "select count(*) as n from items where name = :name", "parameters": {"name": name}},
    )
    assert counted.json()["data"] == [{"n": 200_000}]


def test_an_upload_in_chunks_is_whole_or_refused(client: httpx.Client) -> None:
    """Of unknown length: some servers, such as Django's own, do not read them."""
    job = open_load(client)
    path = f"/bulk/jobs/{job['job_id']}"
    sent = client.put(f"{path}/upload", content=(CSV[at : at + 5] for at in range(0, len(CSV), 5)))
    closed = client.patch(path, json={"state": "UploadComplete"})
    if sent.status_code == 204:
        assert ended(client, job)["number_records_processed"] == 2
    else:
        problem(sent, 400, "INVALID_SPEC")
        problem(closed, 409, "NO_DATA")


def test_failed_records_come_back_with_their_reasons(client: httpx.Client) -> None:
    job = load(client, b"id,name,price\n1,nut,0.5\nx,bad,2\n3,bolt,nope\n", max_failed_records=5)
    job = ended(client, job)
    assert (job["state"], job["number_records_failed"], job["number_records_total"]) == ("JobComplete", 2, 3)
    found = client.get(f"/bulk/jobs/{job['job_id']}/failed-results").json()
    assert found["record_count"] == 2
    text = httpx.get(found["download_url"]).text
    assert "x,bad,2" in text and "3,bolt,nope" in text
    whole = client.post(f"/bulk/jobs/{job['job_id']}/retry", json={})
    problem(whole, 409, "ALREADY_APPLIED")
    failed = client.post(f"/bulk/jobs/{job['job_id']}/retry", json={"only": "failed"})
    assert failed.status_code == 201
    again = ended(client, failed.json())
    assert (again["state"], again["number_records_failed"], again["number_records_total"]) == (
        "JobComplete",
        2,
        2,
    )


def test_a_failed_load_changes_nothing_and_can_be_retried(client: httpx.Client) -> None:
    name = uuid.uuid4().hex[:12]
    job = ended(client, load(client, f"id,name,price\n1,{name},1\nx,{name},1\n".encode()))
    assert job["state"] == "Failed"
    assert (job["error"]["category"], job["error"]["retryable"]) == ("validation", False)
    assert job["error"]["details"]
    counted = client.post(
        "/queries",
        json={"sql": "select count(*) as n from items where name = :name", "parameters": {"name": name}},
    )
    assert counted.json()["data"] == [{"n": 0}]
    whole = client.get(f"/bulk/jobs/{job['job_id']}/unprocessed-results").json()
    assert httpx.get(whole["download_url"]).status_code == 200
    retried = client.post(f"/bulk/jobs/{job['job_id']}/retry", json={}, headers={"Idempotency-Key": "again"})
    assert (retried.status_code, retried.json()["retry_of"]) == (201, job["job_id"])
    replayed = client.post(f"/bulk/jobs/{job['job_id']}/retry", json={}, headers={"Idempotency-Key": "again"})
    assert (replayed.status_code, replayed.json()["job_id"]) == (200, retried.json()["job_id"])
    assert ended(client, retried.json())["state"] == "Failed"


def test_an_upload_that_cannot_be_is_refused(client: httpx.Client) -> None:
    job = open_load(client)
    path = f"/bulk/jobs/{job['job_id']}"
    problem(client.patch(path, json={"state": "UploadComplete"}), 409, "NO_DATA")
    problem(client.get(f"{path}/upload-url", params={"size": 20_000_001}), 413, "UPLOAD_TOO_LARGE")
    too_much = client.put(f"{path}/upload", content=b"x" * 20_000_001)
    problem(too_much, 413, "UPLOAD_TOO_LARGE")
    problem(client.patch(path, json={"state": "UploadComplete"}), 409, "NO_DATA")
    assert client.put(f"{path}/upload", content=b"").status_code == 204
    problem(client.patch(path, json={"state": "UploadComplete"}), 409, "NO_DATA")
    assert client.put(f"{path}/upload", content=CSV).status_code == 204
    assert client.patch(path, json={"state": "UploadComplete"}).status_code == 200
    problem(client.put(f"{path}/upload", content=CSV), 409, "ILLEGAL_TRANSITION")
    problem(client.get(f"{path}/upload-url"), 409, "ILLEGAL_TRANSITION")


def test_half_an_upload_is_none(client: httpx.Client) -> None:
    """The client dies in the middle of it."""
    import socket
    from urllib.parse import urlsplit

    job = open_load(client)
    path = f"/bulk/jobs/{job['job_id']}"
    where = urlsplit(str(client.base_url))
    with socket.create_connection((where.hostname, where.port)) as connection:
        connection.sendall(
            f"PUT {path}/upload HTTP/1.1\r\nHost: {where.netloc}\r\nX-Tenant: {client.headers['x-tenant']}\r\n"
            f"Content-Length: {len(CSV) + 100}\r\n\r\n".encode()
            + CSV
        )
    time.sleep(0.5)
    problem(client.patch(path, json={"state": "UploadComplete"}), 409, "NO_DATA")


# ---- changes ------------------------------------------------------------------------------------------


def test_a_client_may_send_every_patch_twice(client: httpx.Client) -> None:
    job = open_load(client)
    path = f"/bulk/jobs/{job['job_id']}"
    client.put(f"{path}/upload", content=CSV)
    first = client.patch(path, json={"state": "UploadComplete"})
    assert first.status_code == 200
    ended(client, job)  # the worker in between
    again = client.patch(path, json={"state": "UploadComplete"})
    assert (again.status_code, again.json()["state"]) == (200, "JobComplete")
    problem(client.patch(path, json={"state": "Aborted"}), 409, "ILLEGAL_TRANSITION")

    job = open_load(client)
    path = f"/bulk/jobs/{job['job_id']}"
    for _ in range(2):
        aborted = client.patch(path, json={"state": "Aborted", "reason": "wrong file"})
        assert (aborted.status_code, aborted.json()["state"]) == (200, "Aborted")
        assert aborted.json()["abort"]["reason"] == "wrong file"
        assert aborted.json()["abort"]["actor"] == "test"
    refused = problem(client.patch(path, json={"state": "UploadComplete"}), 409, "ILLEGAL_TRANSITION")
    assert refused["details"]["state"] == "Aborted"


def test_an_idempotency_key_makes_one_job(client: httpx.Client) -> None:
    body = {"operation": "query", "query": NUMBERS}
    first = client.post("/bulk/jobs", json=body, headers={"Idempotency-Key": "k1"})
    again = client.post("/bulk/jobs", json={**body, "labels": {"a": "b"}}, headers={"Idempotency-Key": "k1"})
    assert (first.status_code, again.status_code) == (201, 200)
    assert (first.json()["job_id"], first.json()["replayed"]) == (again.json()["job_id"], False)
    assert again.json()["replayed"] is True
    other = client.post(
        "/bulk/jobs", json={**body, "query": "select 1 as a"}, headers={"Idempotency-Key": "k1"}
    )
    problem(other, 422, "IDEMPOTENCY_CONFLICT")
    problem(client.post("/bulk/jobs", json=body, headers={"Idempotency-Key": "k" * 256}), 400, "INVALID_SPEC")


def test_an_ended_job_is_deleted_and_a_living_one_is_not(client: httpx.Client) -> None:
    living = open_load(client)
    problem(client.delete(f"/bulk/jobs/{living['job_id']}"), 409, "ILLEGAL_TRANSITION")
    job = ended(client, export(client))
    url = client.get(f"/bulk/jobs/{job['job_id']}/results").json()["download_url"]
    assert client.delete(f"/bulk/jobs/{job['job_id']}").status_code == 204
    problem(client.get(f"/bulk/jobs/{job['job_id']}"), 404, "JOB_NOT_FOUND")
    problem(client.delete(f"/bulk/jobs/{job['job_id']}"), 404, "JOB_NOT_FOUND")
    assert httpx.get(url).status_code in (403, 404)


def test_results_before_the_end(client: httpx.Client) -> None:
    job = open_load(client)
    error = problem(client.get(f"/bulk/jobs/{job['job_id']}/results"), 409, "RESULTS_NOT_READY")
    assert error["retryable"]


# ---- reading ------------------------------------------------------------------------------------------


def test_polling_is_cheap(client: httpx.Client) -> None:
    job = open_load(client)
    path = f"/bulk/jobs/{job['job_id']}"
    first = client.get(path)
    assert int(first.headers["retry-after"]) >= 1
    etag = first.headers["etag"]
    for header in (etag, f'"x", W/{etag}', "*"):
        same = client.get(path, headers={"If-None-Match": header})
        assert (same.status_code, same.content, same.headers["etag"]) == (304, b"", etag)
    client.patch(path, json={"state": "Aborted"})
    changed = client.get(path, headers={"If-None-Match": etag})
    assert (changed.status_code, changed.json()["state"]) == (200, "Aborted")
    assert "retry-after" not in ended_headers(client, path)


def ended_headers(client: httpx.Client, path: str) -> httpx.Headers:
    return client.get(path, params={"wait": 30}).headers


def test_a_long_poll_ends_with_the_job_or_with_its_time(client: httpx.Client) -> None:
    job = open_load(client)
    path = f"/bulk/jobs/{job['job_id']}"
    begun = time.monotonic()
    waited = client.get(path, params={"wait": "0.5"})
    assert (waited.status_code, waited.json()["state"]) == (200, "Open")
    assert 0.4 < time.monotonic() - begun < 10
    etag = waited.headers["etag"]
    unchanged = client.get(path, params={"wait": "0.3"}, headers={"If-None-Match": etag})
    assert unchanged.status_code == 304
    assert ended(client, export(client))["state"] == "JobComplete"
    for wrong in ("31", "-1", "soon", "nan", "1e99"):
        problem(client.get(path, params={"wait": wrong}), 400, "INVALID_SPEC")


def test_a_long_poll_ends_with_the_first_change_since_the_etag(client: httpx.Client) -> None:
    import threading

    job = open_load(client)
    path = f"/bulk/jobs/{job['job_id']}"
    etag = client.get(path).headers["etag"]
    later = threading.Timer(
        0.7,
        lambda: (
            client.put(f"{path}/upload", content=CSV) and client.patch(path, json={"state": "UploadComplete"})
        ),
    )
    later.start()
    changed = client.get(path, params={"wait": 20}, headers={"If-None-Match": etag})
    later.join()
    assert changed.status_code == 200
    assert changed.headers["etag"] != etag


def test_the_list_is_newest_first_and_in_pages(client: httpx.Client) -> None:
    made = [export(client)["job_id"] for _ in range(4)] + [open_load(client)["job_id"]]
    first = client.get("/bulk/jobs", params={"limit": 3}).json()
    rest = client.get("/bulk/jobs", params={"limit": 3, "cursor": first["next_cursor"]}).json()
    assert [job["job_id"] for job in first["jobs"] + rest["jobs"]] == made[::-1]
    assert rest["next_cursor"] is None
    only = client.get("/bulk/jobs", params={"state": "Open", "operation": "insert"}).json()
    assert [job["job_id"] for job in only["jobs"]] == made[-1:]
    both = client.get("/bulk/jobs?operation=query,insert").json()
    assert len(both["jobs"]) == 5
    assert (
        client.get("/bulk/jobs", params={"created_after": "2999-01-01T00:00:00+00:00"}).json()["jobs"] == []
    )
    for wrong in (
        {"state": "Done"},
        {"operation": "merge"},
        {"limit": "0"},
        {"limit": "x"},
        {"limit": "1001"},
        {"created_after": "then"},
        {"color": "red"},
    ):
        problem(client.get("/bulk/jobs", params=wrong), 400, "INVALID_SPEC")
    problem(client.get("/bulk/jobs", params={"cursor": "nonsense"}), 400, "INVALID_CURSOR")


def test_what_belongs_to_others_does_not_exist(client: httpx.Client) -> None:
    mine = export(client)["job_id"]
    theirs = httpx.Client(base_url=client.base_url, headers={"X-Tenant": "somebody-else"})
    with theirs:
        told = []
        for job_id in (mine, "bulk-job-0198f000-0000-7000-8000-000000000000"):
            error = problem(theirs.get(f"/bulk/jobs/{job_id}"), 404, "JOB_NOT_FOUND")
            told.append(error["message"].replace(job_id, "?"))
            problem(theirs.patch(f"/bulk/jobs/{job_id}", json={"state": "Aborted"}), 404, "JOB_NOT_FOUND")
            problem(theirs.get(f"/bulk/jobs/{job_id}/results"), 404, "JOB_NOT_FOUND")
            problem(theirs.delete(f"/bulk/jobs/{job_id}"), 404, "JOB_NOT_FOUND")
        assert told[0] == told[1]
    for strange in ("x" * 200, "..", "a%20b", "%F0%9F%98%80"):
        assert client.get(f"/bulk/jobs/{strange}").status_code == 404


# ---- what is wrong ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "operation"),
        ({"operation": "query"}, "query"),
        ({"operation": "merge", "query": "select 1"}, "operation"),
        ({"operation": "query", "query": ""}, "query"),
        ({"operation": "query", "query": 7}, "query"),
        ({"operation": "query", "query": "select 1", "colour": "red"}, "colour"),
        ({"operation": "query", "query": "select 1", "content_type": "XML"}, "content_type"),
        ({"operation": "query", "query": "select 1", "labels": [1]}, "labels"),
        ({"operation": "query", "query": "select :a", "parameters": {"a": [1]}}, "parameters.a"),
        ({"operation": "query", "query": "select 1", "parameters": "a"}, "parameters"),
        ({"operation": "insert"}, "object"),
        ({"operation": "upsert", "object": "items"}, "key_columns"),
        ({"operation": "insert", "object": "items", "max_failed_records": "many"}, "max_failed_records"),
    ],
)
def test_a_wrong_field_is_named(client: httpx.Client, body: dict[str, Any], field: str) -> None:
    error = problem(client.post("/bulk/jobs", json=body), 400, "INVALID_SPEC")
    assert error["details"]["field"] == field
    assert client.get("/bulk/jobs").json()["jobs"] == []


def test_sql_that_does_more_than_read(client: httpx.Client) -> None:
    refused = client.post("/bulk/jobs", json={"operation": "query", "query": "drop table items"})
    assert problem(refused, 400, "SQL_BLOCKED")["details"]["reason"]
    unread = client.post("/bulk/jobs", json={"operation": "query", "query": "select\n from from"})
    assert problem(unread, 400, "INVALID_SQL")["details"]["line"] == 2


def test_bodies_that_are_none(client: httpx.Client) -> None:
    json_type = {"Content-Type": "application/json"}
    for content in (
        b"",
        b"{",
        b"[]",
        b"null",
        b'{"a": NaN}',
        b"\xff",
        b"[" * 100_000,
        b'{"a": 1' + b"0" * 5_000 + b"}",
    ):
        problem(client.post("/bulk/jobs", content=content, headers=json_type), 400, "INVALID_SPEC")
    form = client.post(
        "/bulk/jobs", content=b'{"operation": "query"}', headers={"Content-Type": "text/plain"}
    )
    assert problem(form, 400, "INVALID_SPEC")["details"]["field"] == "Content-Type"
    large = client.post("/bulk/jobs", content=b" " * (1024 * 1024 + 1), headers=json_type)
    problem(large, 413, "REQUEST_TOO_LARGE")
    for wrong in ({"state": "JobComplete"}, {"state": "UploadComplete", "ttl": 1}, {}, {"reason": "x"}):
        job = open_load(client)
        problem(client.patch(f"/bulk/jobs/{job['job_id']}", json=wrong), 400, "INVALID_SPEC")


def test_request_ids(client: httpx.Client) -> None:
    given = client.get("/bulk/jobs/none", headers={"X-Request-ID": "my-request.1"})
    assert problem(given, 404, "JOB_NOT_FOUND")["request_id"] == "my-request.1"
    made = {client.get("/bulk/jobs").headers["x-request-id"] for _ in range(2)}
    assert len(made) == 2
    unfit = client.get("/bulk/jobs", headers={"X-Request-ID": "x" * 129}).headers["x-request-id"]
    assert unfit != "x" * 129


def test_who_asks_is_the_hosts_affair(client: httpx.Client) -> None:
    with httpx.Client(base_url=client.base_url) as nobody:
        for method, path in (
            ("GET", "/bulk/jobs"),
            ("POST", "/bulk/jobs"),
            ("POST", "/queries"),
            ("GET", "/bulk/jobs/x/results"),
        ):
            assert nobody.request(method, path).status_code == 401
        assert nobody.get("/health").json() == {"status": "ok"}


@pytest.mark.parametrize(
    ("headers", "allowed"),
    [
        ({"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"}, False),
        ({"Sec-Fetch-Site": "same-site", "Origin": "https://other.example.com"}, False),
        ({"Origin": "https://evil.example"}, False),
        ({"Origin": "null"}, False),
        ({"Sec-Fetch-Site": "cross-site", "Origin": "https://app.example.com"}, True),
        ({"Sec-Fetch-Site": "same-origin"}, True),
        ({"Sec-Fetch-Site": "none"}, True),
        ({}, True),
    ],
)
def test_a_browser_on_another_sites_page_changes_nothing(
    client: httpx.Client, headers: dict[str, str], allowed: bool
) -> None:
    job = open_load(client)
    path = f"/bulk/jobs/{job['job_id']}"
    assert client.get(path, headers=headers).status_code == 200
    changed = client.patch(path, json={"state": "Aborted"}, headers=headers)
    if allowed:
        assert changed.status_code == 200
        return
    problem(changed, 403, "CROSS_ORIGIN")
    problem(client.post("/queries", json={"sql": "select 1 as a"}, headers=headers), 403, "CROSS_ORIGIN")
    assert client.get(path).json()["state"] == "Open"


def test_the_same_origin_by_its_name(client: httpx.Client) -> None:
    job = open_load(client)
    origin = str(client.base_url).rstrip("/")
    reply = client.patch(f"/bulk/jobs/{job['job_id']}", json={"state": "Aborted"}, headers={"Origin": origin})
    assert reply.status_code == 200


def test_paths_and_methods_that_are_none(client: httpx.Client, hosted: bool) -> None:
    assert client.get("/nothing").status_code == 404
    for path, methods in (
        ("/bulk/jobs", {"GET", "HEAD", "POST"}),
        ("/bulk/jobs/none", {"GET", "HEAD", "PATCH", "DELETE"}),
        ("/bulk/jobs/none/retry", {"POST"}),
        ("/files/none", {"GET", "HEAD", "PUT"}),
        ("/health", {"GET", "HEAD"}),
    ):
        refused = client.request("TRACE", path)
        allowed = {method.strip() for method in refused.headers["allow"].split(",")}
        assert (refused.status_code, allowed - {"OPTIONS"}) == (405, methods)
    assert client.get("/files/nonsense").status_code == (403 if hosted else 404)


def test_a_look_is_a_read_without_its_body(client: httpx.Client) -> None:
    """Monitors ask for the health so."""
    job = ended(client, export(client))
    for path in ("/health", "/bulk/jobs", f"/bulk/jobs/{job['job_id']}", "/bulk/jobs/none"):
        read, look = client.get(path), client.head(path)
        assert (look.status_code, look.content) == (read.status_code, b"")
        for name in ("content-type", "content-length", "cache-control", "etag", "retry-after"):
            assert look.headers.get(name) == read.headers.get(name)
    assert httpx.head(f"{client.base_url}/bulk/jobs").status_code == 401


# ---- queries ------------------------------------------------------------------------------------------


def test_a_query_is_answered_at_once(client: httpx.Client) -> None:
    asked = {
        "sql": "select :word as word, 7 as n, null as nothing",
        "parameters": {"word": "it's é"},
        "limit": 10,
        "timeout_seconds": 30,
    }
    reply = client.post("/queries", json=asked)
    assert reply.status_code == 200, reply.text
    assert reply.json()["data"] == [{"word": "it's é", "n": 7, "nothing": None}]
    told = reply.json()["metadata"]
    assert told["columns"] == ["word", "n", "nothing"]
    assert len(told["column_types"]) == 3
    assert (told["row_count"], told["truncated"], told["message"]) == (1, False, None)
    assert told["query_id"] and told["execution_time_ms"] >= 0
    assert client.get("/bulk/jobs").json()["jobs"] == []


def test_a_query_that_has_more_rows_says_so(client: httpx.Client) -> None:
    reply = client.post("/queries", json={"sql": NUMBERS, "limit": 1}).json()
    assert (reply["metadata"]["truncated"], len(reply["data"])) == (True, 1)
    assert "export" in reply["metadata"]["message"]


def test_a_query_with_a_key_is_run_once(client: httpx.Client) -> None:
    replies = [
        client.post("/queries", json={"sql": NUMBERS}, headers={"Idempotency-Key": "q"}) for _ in range(2)
    ]
    assert [reply.status_code for reply in replies] == [200, 200], replies[0].text
    assert replies[0].json() == replies[1].json()
    (job,) = client.get("/bulk/jobs").json()["jobs"]
    assert job["job_id"] == replies[0].json()["metadata"]["query_id"]
    problem(
        client.post("/queries", json={"sql": NUMBERS, "limit": 1}, headers={"Idempotency-Key": "q"}),
        422,
        "IDEMPOTENCY_CONFLICT",
    )


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({}, 400, "INVALID_SPEC"),
        ({"sql": ""}, 400, "INVALID_SPEC"),
        ({"sql": 1}, 400, "INVALID_SPEC"),
        ({"sql": "select 1", "rows": 1}, 400, "INVALID_SPEC"),
        ({"sql": "select 1", "limit": 0}, 400, "INVALID_SPEC"),
        ({"sql": "select 1", "limit": 1.5}, 400, "INVALID_SPEC"),
        ({"sql": "select 1", "timeout_seconds": 0.5}, 400, "INVALID_SPEC"),
        ({"sql": "select 1", "timeout_seconds": "1"}, 400, "INVALID_SPEC"),
        ({"sql": "select 1", "timeout_seconds": True}, 400, "INVALID_SPEC"),
        ({"sql": "select 1", "parameters": []}, 400, "INVALID_SPEC"),
        ({"sql": "select 1", "parameters": {"a": 1}}, 400, "INVALID_SPEC"),
        ({"sql": "selec 1"}, 400, "INVALID_SQL"),
        ({"sql": "delete from items"}, 400, "SQL_BLOCKED"),
        ({"sql": "select nope from items"}, 400, "QUERY_ERROR"),
        ({"sql": "select 1 from no_such_table"}, 404, "QUERY_ERROR"),
    ],
)
def test_queries_that_cannot_be(client: httpx.Client, body: dict[str, Any], status: int, code: str) -> None:
    problem(client.post("/queries", json=body), status, code)


def test_a_wrong_timeout_is_called_what_it_is_called_here(client: httpx.Client) -> None:
    reply = client.post("/queries", json={"sql": "select 1 as a", "timeout_seconds": 301})
    error = problem(reply, 400, "INVALID_SPEC")
    assert error["details"] == {"field": "timeout_seconds"}
    assert "timedelta" not in error["message"]


def test_a_query_is_cut_off_at_its_timeout(client: httpx.Client) -> None:
    endless = "with recursive n(i) as (select 1 union all select i + 1 from n) select count(*) as n from n"
    begun = time.monotonic()
    error = problem(
        client.post("/queries", json={"sql": endless, "timeout_seconds": 1}), 408, "QUERY_TIMEOUT"
    )
    assert not error["retryable"]
    assert time.monotonic() - begun < 30
