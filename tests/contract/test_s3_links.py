"""Links of `S3ResultStore`: how long they live, and by whose credentials."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import boto3
import botocore.session
import pytest
from botocore.config import Config
from botocore.credentials import RefreshableCredentials

from spectra.adapters.aws.s3 import S3ResultStore
from spectra.errors import BackendError, BackendUnavailableError, LinkRefusedError
from spectra.ports import Area
from spectra.testing import ResultStoreHarness

HOUR = timedelta(hours=1)


class Role:
    """Credentials of a role, which end, and are fetched anew."""

    def __init__(self, local_s3, life, *, next_life=None):
        self.local_s3, self.lives, self.fetched = local_s3, [life, next_life or life], 0

    def fetch(self):
        life = self.lives[min(self.fetched, 1)]
        self.fetched += 1
        if life is None:
            raise OSError("the metadata service does not answer")
        return {
            "access_key": self.local_s3.access_key,
            "secret_key": self.local_s3.secret_key,
            "token": None,
            "expiry_time": (datetime.now(UTC) + life).isoformat(),
        }

    def client(self):
        session = botocore.session.get_session()
        session._credentials = RefreshableCredentials.create_from_metadata(self.fetch(), self.fetch, "role")
        return boto3.Session(botocore_session=session).client(
            "s3",
            endpoint_url=self.local_s3.endpoint,
            region_name=self.local_s3.region,
            config=Config(signature_version="s3v4", s3={"addressing_style": "path"}),
        )


def links_of(store, asked, *, write=True):
    results = store.location("acme", "j1", Area.RESULTS) + "data"
    upload = store.location("acme", "j1", Area.UPLOAD) + "data"
    if write:
        with store.open_write(results) as writer:
            writer.write(b"data")
    return {
        "GET": store.download_link(results, filename="a.csv", expires_at=asked),
        "PUT": store.upload_target(upload, max_bytes=9, size=4, expires_at=asked),
        "POST": store.upload_target(upload, max_bytes=9, size=None, expires_at=asked),
    }


def honoured(link):
    """The instant at which the server itself says that the link ends."""
    if getattr(link, "method", "GET") == "POST":
        import base64
        import json

        said = json.loads(base64.b64decode(link.fields["policy"]))["expiration"]
        return datetime.strptime(said, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    said = parse_qs(urlsplit(link.url).query)
    begun = datetime.strptime(said["X-Amz-Date"][0], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    return begun + timedelta(seconds=int(said["X-Amz-Expires"][0]))


@pytest.mark.parametrize("life", [timedelta(minutes=20), timedelta(hours=12), None], ids=str)
@pytest.mark.parametrize("asked", [timedelta(minutes=5), timedelta(hours=1), timedelta(days=6)], ids=str)
def test_links_end_with_what_was_asked_or_the_credentials(local_s3, bucket, prefix, life, asked):
    client = local_s3.client if life is None else Role(local_s3, life).client
    with S3ResultStore(bucket, prefix=prefix, client=client) as store:
        now = datetime.now(UTC)
        bound = now + min(asked, life or asked)
        for link in links_of(store, now + asked).values():
            assert link.expires_at == honoured(link)
            assert bound - timedelta(seconds=3) <= link.expires_at <= bound + timedelta(seconds=1)
            assert link.expires_at <= now + asked


def test_no_link_is_longer_than_a_week(local_s3, bucket, prefix):
    with S3ResultStore(bucket, prefix=prefix, client=local_s3.client) as store:
        now = datetime.now(UTC)
        for link in links_of(store, now + timedelta(days=30)).values():
            assert now + timedelta(days=6.99) < link.expires_at <= now + timedelta(days=7, seconds=1)


def test_a_link_of_short_credentials_works_until_then_and_fails_after(local_s3, bucket, prefix):
    # the role's session lives six seconds more, and its renewal gives no longer ones
    role = Role(local_s3, timedelta(seconds=6))
    with S3ResultStore(bucket, prefix=prefix, client=role.client) as store:
        harness = ResultStoreHarness(store)
        found = links_of(store, datetime.now(UTC) + HOUR)
        end = max(link.expires_at for link in found.values())
        assert end <= datetime.now(UTC) + timedelta(seconds=6)
        assert harness.fetch(found["GET"]) == b"data"
        harness.send(found["PUT"], b"1234")
        harness.send(found["POST"], b"1234")
        time.sleep((end - datetime.now(UTC)).total_seconds() + 1)
        for call in (
            lambda: harness.fetch(found["GET"]),
            lambda: harness.send(found["PUT"], b"1234"),
            lambda: harness.send(found["POST"], b"1234"),
        ):
            with pytest.raises(LinkRefusedError):
                call()


def test_credentials_about_to_end_are_renewed_before_they_sign(local_s3, bucket, prefix):
    role = Role(local_s3, timedelta(seconds=30), next_life=timedelta(hours=6))
    with S3ResultStore(bucket, prefix=prefix, client=role.client) as store:
        now = datetime.now(UTC)
        for link in links_of(store, now + HOUR).values():
            assert link.expires_at > now + HOUR - timedelta(seconds=3)
        assert role.fetched == 2


def test_credentials_that_cannot_be_fetched_are_not_done(local_s3, bucket, prefix):
    role = Role(local_s3, timedelta(seconds=-1))
    role.lives[1] = None
    store = S3ResultStore(bucket, prefix=prefix, client=role.client)
    with pytest.raises(BackendUnavailableError, match="credentials"):
        links_of(store, datetime.now(UTC) + HOUR, write=False)


def test_no_credentials_at_all(monkeypatch, bucket, prefix):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nowhere")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nowhere")
    with S3ResultStore(bucket, prefix=prefix) as store, pytest.raises(BackendError, match="no credentials"):
        links_of(store, datetime.now(UTC) + HOUR, write=False)


@pytest.mark.parametrize("region", ["us-east-1", "eu-west-1", "eu-central-1"])
def test_boto3s_defaults_sign_with_version_four(monkeypatch, bucket, region):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("AWS_DEFAULT_REGION", region)
    with S3ResultStore(bucket) as store:
        now = datetime.now(UTC)
        for link in links_of(store, now + HOUR, write=False).values():
            assert now + HOUR - timedelta(seconds=3) < link.expires_at <= now + HOUR


def test_a_client_that_signs_in_the_old_way_is_refused(bucket):
    # boto3 does so for links into some regions, unless a version is asked for
    client = boto3.client(
        "s3", region_name="us-east-1", aws_access_key_id="AKIAEXAMPLE", aws_secret_access_key="secret"
    )
    with S3ResultStore(bucket, client=client) as store, pytest.raises(BackendError, match="s3v4"):
        links_of(store, datetime.now(UTC) + HOUR, write=False)
    old = boto3.client(
        "s3",
        region_name="us-east-1",
        aws_access_key_id="AKIAEXAMPLE",
        aws_secret_access_key="secret",
        config=Config(signature_version="s3"),
    )
    upload = "acme", "j1", Area.UPLOAD
    with S3ResultStore(bucket, client=old) as store, pytest.raises(BackendError, match="s3v4"):
        store.upload_target(
            store.location(*upload) + "data", max_bytes=9, size=None, expires_at=datetime.now(UTC) + HOUR
        )
