"""`Settings`: everything that can be set."""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final, Self

import attrs

from spectra.domain.retention import Retention
from spectra.errors import InvalidSettingsError
from spectra.settings.fields import PREFIX, choice, number, parsed, switch, text, variable

__all__ = ["Settings"]

_WITHOUT_EFFECT: Final = {
    "SPECTRA_IDEMPOTENCY_TTL_HOURS": "an idempotency key lives exactly as long as its job",
}


@attrs.frozen(kw_only=True)
class Settings:
    """Everything that can be set; each field is also the variable ``SPECTRA_<FIELD>`` (docs/settings.md).

    `home` chooses the embedded adapters, `s3_bucket_name` those of AWS. A password is never shown.

    Raises:
        InvalidSettingsError: a value is of the wrong type or out of range; names the variable.
    """

    # ---- where ----------------------------------------------------------------------------------

    home: str | None = text(None, about="folder of the embedded adapters; chooses them")
    sql_dialect: str | None = choice(
        ("duckdb", "redshift"), about="whose SQL the embedded warehouse is asked in; else DuckDB's"
    )
    aws_region: str | None = text(None, about="region of table, bucket and Data API; else boto3's own")
    dynamodb_table_name: str = text("spectra-jobs", about="the table of the jobs")
    dynamodb_endpoint: str | None = text(
        None, about="another DynamoDB than the region's, such as a local one"
    )
    s3_bucket_name: str | None = text(
        None, about="the bucket of uploads and results; chooses the adapters of AWS"
    )
    s3_prefix: str | None = text(None, about="folder within the bucket, ending with `/`")
    s3_endpoint: str | None = text(None, about="another S3 than the region's, such as a local one")
    executor: str | None = choice(
        ("driver", "data-api"),
        about="how Redshift is reached; else the driver if a host is named, and the Data API if none is",
    )
    redshift_host: str | None = text(None, about="host of the cluster or workgroup, for the driver")
    redshift_port: int = number(5439, 1, 65_535, about="its port")
    redshift_database: str = text("dev", about="the database")
    redshift_user: str | None = text(
        None, about="a superuser; for the Data API on a cluster, unless a secret is named"
    )
    redshift_password: str | None = text(None, about="the user's password, for the driver", secret=True)
    redshift_secret_arn: str | None = text(None, about="the secret with user and password, for the Data API")
    redshift_cluster: str | None = text(None, about="identifier of a cluster, for the Data API and for IAM")
    redshift_workgroup: str | None = text(None, about="name of a serverless workgroup, likewise")
    redshift_iam: bool = switch(
        False, about="the driver gets passing credentials from IAM, instead of a password"
    )
    redshift_ssl: bool = switch(True, about="the driver encrypts; off for a local Redshift only")
    redshift_iam_role: str = text(
        "default", about="role of UNLOAD and COPY: `default`, an ARN, or ARNs joined by commas"
    )
    redshift_data_endpoint: str | None = text(
        None, about="another Data API than the region's, such as a local one"
    )

    # ---- jobs and their clocks ------------------------------------------------------------------

    group: str = text(
        "spectra", about="first word of the label that every statement carries in the warehouse"
    )
    job_ttl_days: float = number(7, 0.001, 3650, float, about="days that a job is kept after its end")
    result_ttl_days: float = number(
        7, 0.001, 3650, float, about="days that uploads and results are kept; not above those of the job"
    )
    presigned_url_expiry: int = number(3600, 1, 604_800, about="seconds that a link lives")
    result_size_threshold: int = number(10_000, 1, 10_000, about="rows that a synchronous query may return")
    default_timeout_seconds: int = number(60, 1, 300, about="seconds that a synchronous query may take")
    max_timeout_seconds: int = number(300, 1, 300, about="the most that a caller may ask for")
    query_max_concurrent: int = number(
        20, 1, 10_000, about="synchronous queries that one process runs at once, of all tenants"
    )
    query_max_concurrent_per_tenant: int = number(5, 1, 10_000, about="those of one tenant, likewise")
    bulk_max_file_size_mb: float = number(
        150, 0.000001, 5_000_000, float, about="largest upload, in units of 1,000,000 bytes as uploaded"
    )
    bulk_job_timeout_hours: float = number(24, 0.0001, 720, float, about="hours that a job may run")
    bulk_max_concurrent_jobs: int | None = number(
        5, 1, 10_000, about="running executions per tenant; `none`: any number", optional=True
    )
    upload_timeout_hours: float = number(24, 0.0001, 720, float, about="hours until an upload must be closed")
    queue_timeout_hours: float | None = number(
        None, 0.0001, 8_760, float, about="hours that a job may wait for its start; else without limit"
    )

    # ---- workers --------------------------------------------------------------------------------

    lease_seconds: float = number(
        60, 1, 3_600, float, about="the first lease of attached work; it grows to 300"
    )
    max_attempts: int = number(
        5, 1, 50, about="attempts of one job, for transient and capacity errors and for lost executions"
    )
    idle_seconds: float = number(
        0.5,
        0.01,
        300,
        float,
        about="how long an idle `serve` waits between looks; each look costs reads of the job store",
    )
    max_poll_seconds: float = number(
        300,
        2,
        3_600,
        float,
        about="how long the end of detached work may go unnoticed: polls begin at 2 s and double to this",
    )
    lambda_margin_seconds: float = number(
        10, 0, 600, float, about="a function begins no step when less than this is left of its time"
    )
    lambda_metrics: bool = switch(
        True, about="functions write figures as lines that CloudWatch makes metrics of"
    )
    metrics_namespace: str = text(
        "Spectra",
        about="namespace of these metrics",
        pattern=r"[A-Za-z0-9._/#:-]{1,250}",
        values="letters, digits, `._/#:-`",
    )
    metrics_service: str = text(
        "spectra",
        about="their dimension `service`, which tells deployments apart",
        pattern=r"[A-Za-z0-9._-]{1,100}",
        values="letters, digits, `._-`",
    )
    log_level: str | None = text(None, about="kept for hosts: Spectra itself never configures logging")

    def __attrs_post_init__(self) -> None:
        if self.result_ttl_days > self.job_ttl_days:
            raise InvalidSettingsError(
                "SPECTRA_RESULT_TTL_DAYS", "must not be above SPECTRA_JOB_TTL_DAYS: files go before their job"
            )
        if self.default_timeout_seconds > self.max_timeout_seconds:
            raise InvalidSettingsError(
                "SPECTRA_DEFAULT_TIMEOUT_SECONDS", "must not be above SPECTRA_MAX_TIMEOUT_SECONDS"
            )

    @classmethod
    def from_env(cls, environ: Mapping[str, str] | None = None) -> Self:
        """Read ``SPECTRA_*``; unknown names warn.

        Raises:
            InvalidSettingsError: names the variable.
        """
        environ = os.environ if environ is None else environ
        fields = {variable(field.name): field for field in attrs.fields(cls)}
        values: dict[str, Any] = {}
        for name, value in environ.items():
            if not name.startswith(PREFIX):
                continue
            if name in fields:
                field = fields[name]
                values[field.name] = parsed(name, value, field.metadata["parse"])
            else:
                why = _WITHOUT_EFFECT.get(name, "no setting of this name is known")
                warnings.warn(f"{name} has no effect: {why}", stacklevel=2)
        return cls(**values)

    @property
    def retention(self) -> Retention:
        """The clocks of a job."""
        return Retention(
            jobs=timedelta(days=self.job_ttl_days),
            results=timedelta(days=self.result_ttl_days),
            upload=timedelta(hours=self.upload_timeout_hours),
            queue=None if self.queue_timeout_hours is None else timedelta(hours=self.queue_timeout_hours),
            run=timedelta(hours=self.bulk_job_timeout_hours),
        )

    @property
    def max_upload_bytes(self) -> int:
        """`bulk_max_file_size_mb` in bytes."""
        return int(self.bulk_max_file_size_mb * 1_000_000)

    @property
    def link_life(self) -> timedelta:
        """`presigned_url_expiry`."""
        return timedelta(seconds=self.presigned_url_expiry)
