"""The adapters that settings name: a table, a bucket, a Redshift. Nothing is opened before its first use."""

from __future__ import annotations

from functools import partial
from typing import Any, Final

from spectra.adapters.aws.clients import new_client
from spectra.adapters.aws.dynamodb import DynamoDBJobStore
from spectra.adapters.aws.dynamodb import calls as dynamodb
from spectra.adapters.aws.redshift import RedshiftDataExecutor, RedshiftExecutor, RedshiftOptions
from spectra.adapters.aws.s3 import S3ResultStore
from spectra.adapters.aws.s3 import clients as s3
from spectra.errors import InvalidSettingsError, InvalidSpecError, NotConfiguredError
from spectra.ports import Clock
from spectra.settings import Settings

__all__ = ["executor", "job_store", "result_store"]

_DRIVER: Final = "driver"
_DATA_API: Final = "data-api"


def job_store(settings: Settings, clock: Clock) -> DynamoDBJobStore:
    """The table."""
    client = partial(dynamodb.new_client, settings.aws_region, settings.dynamodb_endpoint)
    return DynamoDBJobStore(settings.dynamodb_table_name, client=client, clock=clock)


def result_store(settings: Settings) -> S3ResultStore:
    """The bucket.

    Raises:
        NotConfiguredError: none is named.
        InvalidSettingsError: the prefix is none.
    """
    if settings.s3_bucket_name is None:
        raise NotConfiguredError("no bucket is named; set SPECTRA_S3_BUCKET_NAME")
    client = partial(s3.new_client, settings.aws_region, settings.s3_endpoint)
    try:
        return S3ResultStore(settings.s3_bucket_name, prefix=settings.s3_prefix or "", client=client)
    except InvalidSpecError as exc:
        raise InvalidSettingsError("SPECTRA_S3_PREFIX", exc.problem) from exc


def executor(settings: Settings, results: S3ResultStore, clock: Clock) -> RedshiftExecutor:
    """Redshift, by its driver or by its Data API.

    Raises:
        NotConfiguredError: it is not said which Redshift, or as whom; says what is missing.
        InvalidSettingsError: two settings contradict each other; names one of them.
    """
    s = settings
    if s.redshift_cluster is not None and s.redshift_workgroup is not None:
        raise InvalidSettingsError(
            "SPECTRA_REDSHIFT_WORKGROUP", "must not be set beside SPECTRA_REDSHIFT_CLUSTER; name one of them"
        )
    try:
        options = RedshiftOptions(iam_role=s.redshift_iam_role)
    except InvalidSpecError as exc:
        raise InvalidSettingsError("SPECTRA_REDSHIFT_IAM_ROLE", exc.problem) from exc
    if _channel(settings) == _DRIVER:
        return RedshiftExecutor(results, _connection(settings), options=options, clock=clock)
    client = partial(new_client, "redshift-data", s.aws_region, s.redshift_data_endpoint)
    return RedshiftDataExecutor(results, client, _target(settings), options=options, clock=clock)


def _channel(settings: Settings) -> str:
    """``driver`` or ``data-api``: what is said, or what follows from the rest."""
    if settings.executor is not None:
        return settings.executor
    if settings.redshift_host is not None or settings.redshift_iam:
        return _DRIVER
    if settings.redshift_cluster is not None or settings.redshift_workgroup is not None:
        return _DATA_API
    raise NotConfiguredError(
        "no Redshift is named; set SPECTRA_REDSHIFT_HOST for the driver, or "
        "SPECTRA_REDSHIFT_CLUSTER or SPECTRA_REDSHIFT_WORKGROUP for the Data API"
    )


def _connection(settings: Settings) -> dict[str, Any]:
    """Arguments of ``redshift_connector.connect``."""
    s = settings
    said: dict[str, Any] = {"port": s.redshift_port, "database": s.redshift_database, "ssl": s.redshift_ssl}
    if s.redshift_host is not None:
        said["host"] = s.redshift_host
    if not s.redshift_iam:
        _need("driver", s, "redshift_host", "redshift_user", "redshift_password")
        return said | {"user": s.redshift_user, "password": s.redshift_password}
    if s.redshift_password is not None:
        raise InvalidSettingsError(
            "SPECTRA_REDSHIFT_IAM", "must not be set beside SPECTRA_REDSHIFT_PASSWORD; unset one of them"
        )
    if not s.redshift_ssl:
        raise InvalidSettingsError("SPECTRA_REDSHIFT_IAM", "needs SPECTRA_REDSHIFT_SSL")
    said["iam"] = True
    if s.aws_region is not None:
        said["region"] = s.aws_region
    if s.redshift_workgroup is not None:
        _need("driver with IAM", s, "redshift_host")
        return said | {"is_serverless": True, "serverless_work_group": s.redshift_workgroup}
    _need("driver with IAM", s, "redshift_cluster", "redshift_user")
    return said | {"cluster_identifier": s.redshift_cluster, "db_user": s.redshift_user}


def _target(settings: Settings) -> dict[str, str]:
    """Arguments of the Data API's calls that say which Redshift, and as whom."""
    s = settings
    target = {"Database": s.redshift_database}
    if s.redshift_workgroup is not None:
        target["WorkgroupName"] = s.redshift_workgroup
    else:
        _need("Data API", s, "redshift_cluster")
        target["ClusterIdentifier"] = str(s.redshift_cluster)
    if s.redshift_secret_arn is not None:
        return target | {"SecretArn": s.redshift_secret_arn}
    if s.redshift_workgroup is not None:
        _need("Data API on a workgroup", s, "redshift_secret_arn")
    _need("Data API", s, "redshift_user")
    return target | {"DbUser": str(s.redshift_user)}


def _need(what: str, settings: Settings, *names: str) -> None:
    missing = [f"SPECTRA_{name.upper()}" for name in names if getattr(settings, name) is None]
    if missing:
        raise NotConfiguredError(f"the {what} needs {' and '.join(missing)}")
