"""`S3ResultStore` beyond the contract: what goes wrong on the way to S3, and in it."""

from __future__ import annotations

import contextlib
import socket
import sys
import time

import boto3
import pytest
from botocore.config import Config

from spectra.adapters.aws.s3 import S3ResultStore, copying, listing, writing
from spectra.adapters.aws.s3.advice import ACTIONS
from spectra.errors import (
    BackendError,
    BackendUnavailableError,
    MissingExtraError,
    ObjectNotFoundError,
    OutcomeUnknownError,
    UploadChangedError,
)
from spectra.ports import Area
from tests.contract.s3_proxy import Cut, Flip, Lose, Proxy, Refuse

MIB = 1 << 20


@pytest.fixture
def proxy(local_s3):
    with Proxy(local_s3.endpoint) as proxy:
        yield proxy


def client_of(local_s3, endpoint, *, tries=1, **options):
    config = {
        "signature_version": "s3v4",
        "s3": {"addressing_style": "path"},
        "retries": {"mode": "standard", "total_max_attempts": tries},
        "read_timeout": 10,
        **options,
    }
    return boto3.client(
        "s3",
        endpoint_url=endpoint,
        aws_access_key_id=local_s3.access_key,
        aws_secret_access_key=local_s3.secret_key,
        region_name=local_s3.region,
        config=Config(**config),
    )


@pytest.fixture
def direct(local_s3):
    return local_s3.client()


@pytest.fixture
def new_store(local_s3, proxy, bucket, prefix):
    with contextlib.ExitStack() as stack:

        def new(*, tries=1, bucket=bucket):
            client = client_of(local_s3, proxy.endpoint, tries=tries)
            return stack.enter_context(S3ResultStore(bucket, prefix=prefix, client=lambda: client))

        yield new


@pytest.fixture
def store(new_store):
    return new_store()


def place(store, name="data", area=Area.RESULTS):
    return store.location("acme", "j1", area) + name


def put(store, data, name="data", area=Area.RESULTS):
    location = place(store, name, area)
    with store.open_write(location) as writer:
        writer.write(data)
    return location


def read(store, location, **asked):
    with store.open_read(location, **asked) as stream:
        return stream.read()


def uploads(direct, bucket, prefix):
    return direct.list_multipart_uploads(Bucket=bucket, Prefix=prefix).get("Uploads", [])


@pytest.fixture
def small_parts(monkeypatch):
    monkeypatch.setattr(writing, "PART", 5 * MIB)


DATA = bytes(range(251)) * 60_000  # 15 MB, no two parts alike


# ---- checksums --------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [0, 7, 5 * MIB, 5 * MIB + 1, len(DATA)])
def test_what_is_written_has_a_checksum_of_the_whole(store, direct, bucket, small_parts, size):
    location = put(store, DATA[:size])
    key = location.removeprefix(f"s3://{bucket}/")
    found = direct.head_object(Bucket=bucket, Key=key, ChecksumMode="ENABLED")
    assert "-" not in found["ChecksumCRC64NVME"]
    assert read(store, location) == DATA[:size]
    assert ("-" in found["ETag"]) == (size > 5 * MIB)


@pytest.mark.parametrize("algorithm", ["CRC64NVME", "CRC32C", "CRC32", "SHA256", "SHA1"])
@pytest.mark.parametrize("at", [0, 300_000, 999_999])
def test_a_changed_byte_is_never_read_silently(store, proxy, direct, bucket, algorithm, at):
    location = place(store)
    body = DATA[:1_000_000]
    key = location.removeprefix(f"s3://{bucket}/")
    direct.put_object(Bucket=bucket, Key=key, Body=body, ChecksumAlgorithm=algorithm)
    assert read(store, location) == body
    proxy.each(Flip(at), method="GET")
    with pytest.raises(BackendError, match="checksum") as caught:
        read(store, location)
    assert not isinstance(caught.value, BackendUnavailableError)
    # nor by one who knows the length, and does not read to the end of the file
    with store.open_read(location) as stream, pytest.raises(BackendError, match="checksum"):
        stream.read(len(body))


def test_a_read_that_broke_is_compared_over_all_its_connections(store, proxy):
    location = put(store, DATA)
    proxy.each(Cut(3_000_000), method="GET", times=2)
    assert read(store, location) == DATA
    assert len(proxy.seen) == 3
    harms = iter([Cut(3_000_000), Flip(5)])
    proxy.harm = lambda method, path, nth: next(harms, None)
    with pytest.raises(BackendError, match="checksum"):
        read(store, location)


def test_a_range_that_broke_goes_on_to_its_end(store, proxy):
    location = put(store, DATA)
    proxy.each(Cut(3_000_000), method="GET", times=2)
    assert read(store, location, start=7, length=9_000_000) == DATA[7:9_000_007]
    assert len(proxy.seen) == 3


def test_s3_is_asked_for_no_more_than_the_range(store):
    location = put(store, DATA)
    asked = []
    client = store._clients.client()
    client.meta.events.register(
        "before-call.s3.GetObject", lambda params, **_: asked.append(params["headers"].get("Range"))
    )
    for start, length in ((0, 10), (5, 1), (len(DATA) - 1, 10), (3, 0), (0, None), (4, None)):
        assert read(store, location, start=start, length=length) == DATA[start:][:length]
    last = len(DATA) - 1
    assert asked == ["bytes=0-9", "bytes=5-5", f"bytes={last}-{last + 9}", "bytes=3-3", None, "bytes=4-"]


def test_ranges_and_checksums_by_parts_are_read_as_they_are(store, proxy, direct, bucket):
    location = place(store)
    named = {"Bucket": bucket, "Key": location.removeprefix(f"s3://{bucket}/")}
    upload = direct.create_multipart_upload(**named, ChecksumAlgorithm="SHA256")["UploadId"]
    parts = []
    for number, body in enumerate([DATA[: 5 * MIB], b"end"], 1):
        told = direct.upload_part(
            **named, UploadId=upload, PartNumber=number, Body=body, ChecksumAlgorithm="SHA256"
        )
        parts.append({"PartNumber": number, **{name: told[name] for name in ("ETag", "ChecksumSHA256")}})
    direct.complete_multipart_upload(**named, UploadId=upload, MultipartUpload={"Parts": parts})
    assert read(store, location) == DATA[: 5 * MIB] + b"end"
    assert read(store, location, start=5 * MIB) == b"end"
    assert read(store, location, start=5 * MIB + 3) == b""


def test_a_body_damaged_on_its_way_up_is_refused_as_not_done(store, proxy):
    proxy.each(Refuse("BadDigest", 400), method="PUT")
    with pytest.raises(BackendUnavailableError, match="BadDigest"):
        put(store, b"data")


# ---- reading over a bad line --------------------------------------------------------------------------


def test_a_read_that_always_breaks_ends(store, proxy):
    location = put(store, DATA)
    proxy.each(Cut(0), method="GET")
    with store.open_read(location) as stream, pytest.raises(BackendUnavailableError, match="again and again"):
        stream.read()
    assert len(proxy.seen) < 20


def test_a_read_never_mixes_two_contents(store, proxy, direct, bucket):
    location = put(store, DATA)
    key = location.removeprefix(f"s3://{bucket}/")

    def replace(method, path, nth):
        if nth == 0:
            return Cut(3_000_000)
        if nth == 1:
            direct.put_object(Bucket=bucket, Key=key, Body=DATA[::-1])
        return None

    proxy.seen.clear()
    proxy.harm = replace
    with pytest.raises(UploadChangedError) as caught:
        read(store, location)
    assert "acme/j1" in str(caught.value)


# ---- what was done, what was not, what nobody knows -----------------------------------------------------


@pytest.mark.parametrize(
    ("harm", "error"),
    [
        (Refuse("SlowDown", 503), BackendUnavailableError),
        (Refuse("ServiceUnavailable", 503), BackendUnavailableError),
        (Refuse("RequestTimeout", 400), BackendUnavailableError),
        (Refuse("InternalError", 500), OutcomeUnknownError),
        (Refuse("InternalError", 500, forward=True), OutcomeUnknownError),
        (Refuse("", 502), OutcomeUnknownError),
        (Lose(), OutcomeUnknownError),
        (Refuse("ExpiredToken", 400), BackendError),
        (Refuse("AccessDenied", 403), BackendError),
        (Refuse("NoSuchBucket", 404), BackendError),
    ],
    ids=str,
)
def test_a_put_that_fails(store, proxy, harm, error):
    proxy.each(harm, method="PUT")
    with pytest.raises(BackendError) as caught:
        put(store, b"data")
    assert type(caught.value) is error


def test_a_lost_first_try_is_not_forgotten(new_store, proxy):
    # botocore shows the last of its tries only
    store = new_store(tries=2)
    for first in (Lose(), Refuse("InternalError", 500)):
        harms = iter([first])
        proxy.harm = lambda method, path, nth, harms=harms: next(harms, Refuse("SlowDown", 503))
        with pytest.raises(OutcomeUnknownError):
            put(store, b"data")
    proxy.each(Refuse("SlowDown", 503))
    with pytest.raises(BackendUnavailableError) as caught:
        put(store, b"data")
    assert not isinstance(caught.value, OutcomeUnknownError)
    proxy.each(Refuse("InternalError", 500), times=1)
    assert read(store, put(store, b"data")) == b"data"


def test_nobody_at_home_is_not_done(local_s3, bucket, prefix):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        endpoint = f"http://127.0.0.1:{taken.getsockname()[1]}"
        client = client_of(local_s3, endpoint, tries=2)
        store = S3ResultStore(bucket, prefix=prefix, client=client)
        for call in (
            lambda: put(store, b"x"),
            lambda: put(store, b"x" * (writing.PART + 1)),
            lambda: read(store, place(store)),
            lambda: store.stat(place(store)),
            lambda: store.copy(place(store), place(store, "b"), if_etag="x"),
            lambda: store.delete(store.location("acme", "j1")),
        ):
            with pytest.raises(BackendUnavailableError):
                call()


@pytest.mark.parametrize(
    ("harm", "error"),
    [
        (Refuse("InternalError", 500), OutcomeUnknownError),
        (Refuse("InternalError", 200), OutcomeUnknownError),
        (Refuse("InternalError", 500, forward=True), OutcomeUnknownError),
        (Lose(), OutcomeUnknownError),
        (Refuse("SlowDown", 503), BackendUnavailableError),
        (Refuse("AccessDenied", 403), BackendError),
    ],
    ids=str,
)
def test_a_completion_that_fails(store, proxy, direct, bucket, prefix, small_parts, harm, error):
    location = place(store)
    proxy.each(harm, method="POST", having="uploadId=")
    with pytest.raises(BackendError) as caught:
        put(store, DATA)
    assert type(caught.value) is error
    proxy.harm = lambda *_: None
    assert uploads(direct, bucket, prefix) == []
    with contextlib.suppress(ObjectNotFoundError):
        assert read(store, location) == DATA  # whole, or not at all


def test_a_completion_that_was_done_and_lost_is_not_called_missing(new_store, proxy, small_parts):
    store = new_store(tries=2)
    proxy.each(Lose(), method="POST", having="uploadId=", times=1)
    try:
        location = put(store, DATA)
    except OutcomeUnknownError:
        location = place(store)
    assert read(store, location) == DATA


# ---- multipart --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("nth", [0, 1, 2])
def test_a_part_that_fails_is_told_soon_and_leaves_nothing(
    store, proxy, direct, bucket, prefix, small_parts, nth
):
    proxy.harm = lambda method, path, _: (
        Refuse("AccessDenied", 403)
        if f"partNumber={nth}" in path or (nth == 0 and "uploads" in path)
        else None
    )
    location = place(store)
    written = 0
    with pytest.raises(BackendError, match="s3:PutObject"), store.open_write(location) as writer:
        for _ in range(400):
            written += writer.write(DATA[: 1 * MIB])
            time.sleep(0.001)
    assert written < 100 * MIB
    proxy.harm = lambda *_: None
    assert uploads(direct, bucket, prefix) == []
    with pytest.raises(ObjectNotFoundError):
        store.stat(location)


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt, GeneratorExit])
@pytest.mark.parametrize("size", [5 * MIB + 1, 10 * MIB + 1, len(DATA)])
def test_leaving_by_an_error_leaves_no_part(store, direct, bucket, prefix, small_parts, error, size):
    location = place(store)
    with pytest.raises(error), store.open_write(location) as writer:
        writer.write(DATA[:size])
        raise error
    assert uploads(direct, bucket, prefix) == []
    with pytest.raises(ObjectNotFoundError):
        store.stat(location)


def test_an_error_of_the_writers_own_stays_what_it_is(store, direct):
    with pytest.raises(direct.exceptions.ClientError), store.open_write(place(store)) as writer:
        writer.write(b"x")
        direct.get_object(Bucket="spectra-is-ready", Key="missing")


def test_more_parts_than_s3_takes_are_refused(store, small_parts, monkeypatch, direct, bucket, prefix):
    monkeypatch.setattr(writing, "_PARTS", 2)
    with pytest.raises(BackendError, match="several files"):
        put(store, DATA)
    assert uploads(direct, bucket, prefix) == []


def test_any_kind_of_buffer_is_written(store, small_parts):
    location = place(store)
    with store.open_write(location) as writer:
        assert writer.write(memoryview(DATA)[:7]) == 7
        assert writer.write(bytearray(DATA[7:])) == len(DATA) - 7
    assert read(store, location) == DATA


# ---- copies -------------------------------------------------------------------------------------------------


@pytest.fixture
def copies_in_parts(monkeypatch):
    monkeypatch.setattr(copying, "IN_PARTS_FROM", 6 * MIB)
    monkeypatch.setattr(copying, "PART", 5 * MIB)


def test_a_large_copy_is_made_of_parts(store, proxy, direct, bucket, small_parts, copies_in_parts):
    source, target = put(store, DATA, area=Area.UPLOAD), place(store, "frozen", Area.INPUT)
    info = store.copy(source, target, if_etag=store.stat(source).etag)
    assert info == store.stat(target)
    assert read(store, target) == DATA
    assert sum("partNumber" in path for method, path in proxy.seen if method == "PUT") == 6


def test_a_source_replaced_during_a_large_copy(
    store, proxy, direct, bucket, prefix, small_parts, copies_in_parts
):
    source, target = put(store, DATA, area=Area.UPLOAD), place(store, "frozen", Area.INPUT)
    etag = store.stat(source).etag
    key = source.removeprefix(f"s3://{bucket}/")

    def replace(method, path, nth):
        if "partNumber=2" in path:
            direct.put_object(Bucket=bucket, Key=key, Body=DATA[::-1])
        return None

    proxy.harm = replace
    with pytest.raises(UploadChangedError):
        store.copy(source, target, if_etag=etag)
    with pytest.raises(ObjectNotFoundError):
        store.stat(target)
    assert uploads(direct, bucket, prefix) == []


@pytest.mark.parametrize("large", [False, True])
@pytest.mark.parametrize(
    ("harm", "error"),
    [
        (Refuse("InternalError", 200), OutcomeUnknownError),
        (Lose(), OutcomeUnknownError),
        (Refuse("SlowDown", 503), BackendUnavailableError),
    ],
    ids=str,
)
def test_a_copy_that_fails(store, proxy, small_parts, request, large, harm, error):
    if large:
        request.getfixturevalue("copies_in_parts")
    source, target = put(store, DATA, area=Area.UPLOAD), place(store, "frozen", Area.INPUT)
    etag = store.stat(source).etag
    proxy.each(harm, method="POST" if large else "PUT", having="uploadId=" if large else "frozen")
    with pytest.raises(BackendError) as caught:
        store.copy(source, target, if_etag=etag)
    assert type(caught.value) is error


# ---- refusals that advise --------------------------------------------------------------------------------------


def test_what_is_denied_is_named(store, proxy, bucket):
    location = put(store, b"data")
    folder = store.location("acme", "j1")
    etag = store.stat(location).etag
    proxy.each(Refuse("AccessDenied", 403))
    calls = {
        "s3:PutObject": lambda: put(store, b"x"),
        "s3:GetObject": lambda: read(store, location),
        "s3:GetObject on": lambda: store.stat(location),
        "s3:ListBucket": lambda: store.delete(folder),
        "s3:DeleteObject": lambda: store.delete(location),
    }
    for action, call in calls.items():
        with pytest.raises(BackendError, match=action) as caught:
            call()
        assert bucket in str(caught.value)
        assert "allow it" in str(caught.value)
    proxy.each(Refuse("AccessDenied", 403), method="PUT")
    with pytest.raises(BackendError, match="s3:GetObject and s3:PutObject"):
        store.copy(location, place(store, "frozen", Area.INPUT), if_etag=etag)
    proxy.each(Refuse("AccessDenied", 403), method="POST")
    with pytest.raises(BackendError, match="s3:DeleteObject"):
        store.delete(folder)
    proxy.each(Refuse("AccessDenied", 403), having="uploads")
    with pytest.raises(BackendError, match="s3:ListBucketMultipartUploads"):
        store.delete(folder)


def test_a_missing_bucket_is_not_a_missing_object(new_store):
    store = new_store(bucket="spectra-nowhere")
    calls = [
        lambda: store.stat(place(store)),
        lambda: read(store, place(store)),
        lambda: store.copy(place(store), place(store, "b"), if_etag="x"),
    ]
    for call in calls:
        with pytest.raises(BackendError, match="spectra-nowhere does not exist"):
            call()


def test_who_may_not_look_at_the_bucket_is_told_of_the_object(store, proxy, bucket):
    proxy.harm = lambda method, path, nth: Refuse("", 403) if path.rstrip("/").endswith(bucket) else None
    with pytest.raises(ObjectNotFoundError):
        store.stat(place(store))
    assert len(proxy.seen) == 2


@pytest.mark.parametrize(
    ("code", "status", "advice"),
    [
        ("ExpiredToken", 400, "renew"),
        ("InvalidAccessKeyId", 403, "check them"),
        ("AuthorizationHeaderMalformed", 400, "region"),
        ("RequestTimeTooSkewed", 403, "clock"),
        ("SomethingNew", 418, "SomethingNew"),
    ],
)
def test_refusals_say_what_to_do(store, proxy, code, status, advice):
    proxy.each(Refuse(code, status))
    with pytest.raises(BackendError, match=advice) as caught:
        read(store, place(store))
    assert type(caught.value) is BackendError
    proxy.each(Refuse("", 400), method="HEAD")
    with pytest.raises(BackendError, match="expired"):
        store.stat(place(store))


# ---- deleting ----------------------------------------------------------------------------------------------------


def test_delete_takes_unfinished_uploads_too(store, direct, bucket):
    keys = [place(store, name).removeprefix(f"s3://{bucket}/") for name in ("a", "b")]
    for key in keys:
        upload = direct.create_multipart_upload(Bucket=bucket, Key=key)["UploadId"]
        direct.upload_part(Bucket=bucket, Key=key, UploadId=upload, PartNumber=1, Body=b"x")
    store.delete(store.location("acme", "j1"))
    assert uploads(direct, bucket, keys[0].rpartition("/")[0]) == []


def test_delete_overlooks_uploads_that_ended_meanwhile(store, direct, proxy, bucket):
    key = place(store).removeprefix(f"s3://{bucket}/")
    direct.create_multipart_upload(Bucket=bucket, Key=key)
    proxy.each(Refuse("NoSuchUpload", 404), method="DELETE")
    store.delete(store.location("acme", "j1"))
    proxy.each(Refuse("SlowDown", 503), method="DELETE")
    with pytest.raises(BackendUnavailableError):
        store.delete(store.location("acme", "j1"))


def test_what_cannot_be_deleted_keeps_nothing_else_back(store, monkeypatch, direct, bucket):
    keep, go = put(store, b"x", "a"), put(store, b"x", "b")
    client = store._clients.client()
    real = client.delete_objects

    def delete_objects(**asked):
        key = keep.removeprefix(f"s3://{bucket}/")
        asked["Delete"]["Objects"] = [one for one in asked["Delete"]["Objects"] if one["Key"] != key]
        real(**asked)
        return {"Errors": [{"Key": key, "Code": code}]}

    monkeypatch.setattr(client, "delete_objects", delete_objects)
    for code, error, text in (
        ("AccessDenied", BackendError, "s3:DeleteObject"),
        ("InternalError", BackendUnavailableError, "InternalError"),
    ):
        with pytest.raises(BackendError, match=text) as caught:
            store.delete(store.location("acme", "j1"))
        assert type(caught.value) is error
        with pytest.raises(ObjectNotFoundError):
            store.stat(go)
        assert read(store, keep) == b"x"


def test_jobs_end_a_page_after_many_files(store, monkeypatch, direct, bucket, prefix):
    from datetime import UTC, datetime, timedelta

    for number in range(6):
        for name in ("a", "b"):
            direct.put_object(Bucket=bucket, Key=f"{prefix}acme/j{number}/results/{name}", Body=b"x")
    direct.put_object(Bucket=bucket, Key=f"{prefix}not a job", Body=b"x")
    monkeypatch.setattr(listing, "_LISTED", 0)
    found, cursor, pages = [], None, 0
    while True:
        page = store.jobs(older_than=datetime.now(UTC) + timedelta(hours=1), cursor=cursor)
        found += page.items
        cursor, pages = page.next_cursor, pages + 1
        if cursor is None:
            break
    assert found == [("acme", f"j{number}") for number in range(6)]
    assert pages == 6
    assert store.jobs(older_than=datetime(2020, 1, 1, tzinfo=UTC)).items == ()


def test_every_operation_has_its_action(store, proxy, small_parts, copies_in_parts, direct, bucket):
    """What the store calls is what the list of permissions names."""
    called = set()
    client = store._clients.client()
    client.meta.events.register(
        "before-call.s3", lambda model, **_: called.add(model.name), unique_id="spectra-test"
    )
    source, target = put(store, DATA, area=Area.UPLOAD), place(store, "frozen", Area.INPUT)
    put(store, b"small")
    store.copy(source, target, if_etag=store.stat(source).etag)
    copy = place(store, "b", Area.INPUT)
    store.copy(place(store), copy, if_etag=store.stat(place(store)).etag)
    read(store, target)
    with contextlib.suppress(RuntimeError), store.open_write(place(store, "c")) as writer:
        for _ in range(5):  # more than waits in the pipe, so that the upload has begun
            writer.write(DATA)
        raise RuntimeError
    with contextlib.suppress(ObjectNotFoundError):
        store.stat(place(store, "missing"))
    store.delete(copy)
    store.delete(store.location("acme", "j1"))
    assert called == set(ACTIONS)


def test_without_the_extra_a_read_says_what_to_install(store, monkeypatch):
    location = put(store, b"data")
    monkeypatch.setitem(sys.modules, "awscrt", None)
    with pytest.raises(MissingExtraError, match="aws"):
        read(store, location)
