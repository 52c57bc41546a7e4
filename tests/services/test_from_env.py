"""`Spectra.from_env`: variables choose the adapters, and what does not fit together is told by name."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from spectra import Settings, Spectra
from spectra.adapters.aws.redshift import RedshiftDataExecutor, RedshiftExecutor
from spectra.adapters.embedded import SQLiteJobStore
from spectra.errors import (
    ClosedError,
    ConfigurationError,
    IncompatibleAdaptersError,
    InvalidSettingsError,
    NotConfiguredError,
)

BUCKET = {"SPECTRA_S3_BUCKET_NAME": "files", "SPECTRA_AWS_REGION": "eu-west-1"}
DRIVER = {
    "SPECTRA_REDSHIFT_HOST": "warehouse",
    "SPECTRA_REDSHIFT_USER": "root",
    "SPECTRA_REDSHIFT_PASSWORD": "hunter2",
}
WORKGROUP = {"SPECTRA_REDSHIFT_WORKGROUP": "wg", "SPECTRA_REDSHIFT_SECRET_ARN": "arn:aws:secret"}
CLUSTER = {"SPECTRA_REDSHIFT_CLUSTER": "c1", "SPECTRA_REDSHIFT_USER": "root"}
DATA_API, BY_DRIVER = {"SPECTRA_EXECUTOR": "data-api"}, {"SPECTRA_EXECUTOR": "driver"}
IAM = {"SPECTRA_REDSHIFT_IAM": "true"}


@pytest.mark.parametrize(
    ("redshift", "kind"),
    [
        (DRIVER, RedshiftExecutor),
        (WORKGROUP, RedshiftDataExecutor),
        (CLUSTER, RedshiftDataExecutor),
        (DRIVER | CLUSTER, RedshiftExecutor),
        (DRIVER | CLUSTER | DATA_API, RedshiftDataExecutor),
        (DRIVER | WORKGROUP | DATA_API, RedshiftDataExecutor),
        (CLUSTER | IAM, RedshiftExecutor),
        (
            WORKGROUP | IAM | {"SPECTRA_REDSHIFT_HOST": "wg.x.redshift-serverless.amazonaws.com"},
            RedshiftExecutor,
        ),
    ],
)
def test_the_executor_follows_from_what_is_named(redshift: dict[str, str], kind: type) -> None:
    with Spectra.from_env(BUCKET | redshift) as spectra:
        assert type(spectra.executor) is kind
        assert spectra.result_store.location("t", "j") == "s3://files/t/j/"
        assert spectra.query_runner is spectra.executor


@pytest.mark.parametrize(
    ("environ", "error", "names"),
    [
        ({}, NotConfiguredError, ["SPECTRA_HOME", "SPECTRA_S3_BUCKET_NAME"]),
        (DRIVER, NotConfiguredError, ["SPECTRA_S3_BUCKET_NAME"]),
        (BUCKET | {"SPECTRA_HOME": "x"}, InvalidSettingsError, ["SPECTRA_HOME", "SPECTRA_S3_BUCKET_NAME"]),
        (
            BUCKET,
            NotConfiguredError,
            ["SPECTRA_REDSHIFT_HOST", "SPECTRA_REDSHIFT_CLUSTER", "SPECTRA_REDSHIFT_WORKGROUP"],
        ),
        (
            BUCKET | {"SPECTRA_REDSHIFT_HOST": "h"},
            NotConfiguredError,
            ["SPECTRA_REDSHIFT_USER", "SPECTRA_REDSHIFT_PASSWORD"],
        ),
        (BUCKET | BY_DRIVER, NotConfiguredError, ["SPECTRA_REDSHIFT_HOST"]),
        (BUCKET | DATA_API, NotConfiguredError, ["SPECTRA_REDSHIFT_CLUSTER"]),
        (BUCKET | {"SPECTRA_REDSHIFT_CLUSTER": "c"}, NotConfiguredError, ["SPECTRA_REDSHIFT_USER"]),
        (BUCKET | {"SPECTRA_REDSHIFT_WORKGROUP": "w"}, NotConfiguredError, ["SPECTRA_REDSHIFT_SECRET_ARN"]),
        (BUCKET | CLUSTER | WORKGROUP, InvalidSettingsError, ["SPECTRA_REDSHIFT_WORKGROUP"]),
        (BUCKET | DRIVER | IAM, InvalidSettingsError, ["SPECTRA_REDSHIFT_IAM", "SPECTRA_REDSHIFT_PASSWORD"]),
        (BUCKET | IAM, NotConfiguredError, ["SPECTRA_REDSHIFT_CLUSTER", "SPECTRA_REDSHIFT_USER"]),
        (BUCKET | DRIVER | {"SPECTRA_S3_PREFIX": "/x"}, InvalidSettingsError, ["SPECTRA_S3_PREFIX"]),
        (
            BUCKET | DRIVER | {"SPECTRA_REDSHIFT_IAM_ROLE": "x"},
            InvalidSettingsError,
            ["SPECTRA_REDSHIFT_IAM_ROLE"],
        ),
    ],
)
def test_what_is_missing_or_contradicts_is_named(
    environ: dict[str, str], error: type[ConfigurationError], names: list[str]
) -> None:
    with pytest.raises(error) as told:
        Spectra.from_env(environ)
    assert all(name in str(told.value) for name in names)
    assert "hunter2" not in str(told.value)


def test_nothing_is_opened_and_nothing_of_the_password_is_shown() -> None:
    with Spectra.from_env(BUCKET | DRIVER | {"SPECTRA_DYNAMODB_ENDPOINT": "http://127.0.0.1:1"}) as spectra:
        spectra.worker(), spectra.jobs, spectra.sweeper
        for part in (spectra, spectra.settings, spectra.executor, spectra.job_store, spectra.result_store):
            assert "hunter2" not in repr(part)


def test_more_places_than_an_item_holds_are_refused_at_the_start() -> None:
    with pytest.raises(IncompatibleAdaptersError, match="SPECTRA_BULK_MAX_CONCURRENT_JOBS"):
        Spectra.from_env(BUCKET | DRIVER | {"SPECTRA_BULK_MAX_CONCURRENT_JOBS": "10000"})
    for most in ("3000", "none"):
        Spectra.from_env(BUCKET | DRIVER | {"SPECTRA_BULK_MAX_CONCURRENT_JOBS": most}).close()


def test_closing_closes_the_clients_that_were_made() -> None:
    with Spectra.from_env(BUCKET | WORKGROUP) as spectra:
        services = (spectra.job_store._calls, spectra.result_store, spectra.executor._service)
        made = [one._clients.client() for one in services]
    assert not any(len(one._endpoint.http_session._manager.pools) for one in made)
    for service in services:
        with pytest.raises(ClosedError):
            service._clients.client()


def test_a_home_is_embedded(tmp_path: Path) -> None:
    with Spectra.from_env({"SPECTRA_HOME": str(tmp_path)}) as spectra:
        assert isinstance(spectra.job_store, SQLiteJobStore)


def test_the_environment_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [one for one in os.environ if one.startswith("SPECTRA_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("SPECTRA_HOME", str(tmp_path))
    monkeypatch.setenv("SPECTRA_MAX_ATTEMPTS", "3")
    with Spectra.from_env() as spectra:
        assert spectra.settings == Settings(home=str(tmp_path), max_attempts=3)
