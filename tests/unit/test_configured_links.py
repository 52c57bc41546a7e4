"""Links of a bucket that settings name are signed the way that S3 takes everywhere."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from spectra.adapters.aws.configured import result_store
from spectra.settings import Settings


@pytest.mark.parametrize("region", ["us-east-1", "eu-central-1"])
def test_links_are_signed_with_version_4(region: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    until = datetime.now(UTC) + timedelta(minutes=5)
    with result_store(Settings(s3_bucket_name="bucket", aws_region=region)) as store:
        location = store.location("t", "j", "upload") + "data"
        link = store.download_link(location, filename="x.csv", expires_at=until)
        target = store.upload_target(location, max_bytes=10, size=None, expires_at=until)
    assert "X-Amz-Algorithm=AWS4-HMAC-SHA256" in link.url
    assert target.fields["x-amz-algorithm"] == "AWS4-HMAC-SHA256"


@pytest.mark.parametrize("left", [-60, 0, 0.5, 1.0, 1.5])
def test_a_link_of_less_than_a_second_is_made_and_dead(left: float, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    with result_store(Settings(s3_bucket_name="bucket", aws_region="eu-central-1")) as store:
        location = store.location("t", "j", "upload") + "data"
        until = datetime.now(UTC) + timedelta(seconds=left)
        link = store.download_link(location, filename="x.csv", expires_at=until)
        target = store.upload_target(location, max_bytes=10, size=10, expires_at=until)
    assert max(link.expires_at, target.expires_at) <= max(until, datetime.now(UTC))
    if left <= 0:
        assert "X-Amz-Expires=0" in link.url
