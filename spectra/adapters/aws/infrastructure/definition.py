"""What is deployed, said once: the template, the checks and the tests all read it."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any, Final, Literal

import attrs

from spectra.errors import InvalidSpecError
from spectra.settings import Settings

__all__ = ["Infrastructure"]

_DAY: Final = timedelta(days=1)
_SETTINGS: Final = Settings()
_LOG_DAYS: Final = (1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1827, 3653)

_CARRIED: Final = (
    "group",
    "job_ttl_days",
    "result_ttl_days",
    "presigned_url_expiry",
    "bulk_max_file_size_mb",
    "bulk_job_timeout_hours",
    "bulk_max_concurrent_jobs",
    "upload_timeout_hours",
    "queue_timeout_hours",
    "lease_seconds",
    "max_attempts",
    "max_poll_seconds",
    "lambda_margin_seconds",
    "lambda_metrics",
    "metrics_namespace",
    "metrics_service",
    "log_level",
)
"""Settings that the functions get as variables: named one by one, so that no secret is ever among them."""


def _whole(low: int, high: int) -> Callable[[Any, attrs.Attribute[int], int], None]:
    def check(_: object, attribute: attrs.Attribute[int], value: int) -> None:
        if type(value) is not int or not low <= value <= high:
            raise InvalidSpecError(attribute.name, f"must be a whole number from {low:,} to {high:,}")

    return check


def _matching(pattern: str, what: str) -> Callable[[Any, attrs.Attribute[str], str], None]:
    def check(_: object, attribute: attrs.Attribute[str], value: str) -> None:
        if not isinstance(value, str) or not re.fullmatch(pattern, value):
            raise InvalidSpecError(attribute.name, what)

    return check


def _one_of(*allowed: object) -> Callable[[Any, attrs.Attribute[Any], Any], None]:
    def check(_: object, attribute: attrs.Attribute[Any], value: Any) -> None:
        if value not in allowed:
            raise InvalidSpecError(attribute.name, f"must be one of {', '.join(str(one) for one in allowed)}")

    return check


@attrs.frozen(kw_only=True)
class Infrastructure:
    """A table, a bucket, two functions, their policies and alarms.

    *settings* are those of the hosts that will use it: from their clocks come the days of the bucket's
    rules, and the functions get the same. Names of the table and the bucket are defaults of the
    template's parameters. *prefix* is where files are kept in the bucket, empty or ending with ``/``.

    The functions reach Redshift through the Data API, so that they need no VPC: a serverless
    *warehouse* ``workgroup`` or a ``cluster``, logged in by a ``secret``, or, a cluster only, as a database
    ``user`` with temporary credentials. *code* comes as a ``zip`` in a bucket or as an ``image``.

    The stream hands a function up to *stream_batch* records; what fails is tried *stream_retries* times
    more, and no longer than *stream_age_seconds*. The schedule's function runs every *schedule_minutes*,
    which is how long an end of work may go unnoticed.

    Raises:
        InvalidSpecError: a value that AWS would refuse, or that cannot work.
    """

    settings: Settings = attrs.field(default=_SETTINGS, validator=attrs.validators.instance_of(Settings))
    table_name: str = attrs.field(
        default="spectra-jobs",
        validator=_matching(r"[A-Za-z0-9_.-]{3,255}", "must be 3 to 255 letters, digits, _ . -"),
    )
    bucket_name: str | None = attrs.field(
        default=None,
        validator=attrs.validators.optional(
            _matching(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]", "must be a name of a bucket")
        ),
    )
    prefix: str = attrs.field(
        default="",
        validator=_matching(r"([A-Za-z0-9._-]+/)*", "must be empty or folders of plain names, ending with /"),
    )
    warehouse: Literal["workgroup", "cluster"] = attrs.field(
        default="workgroup", validator=_one_of("workgroup", "cluster")
    )
    login: Literal["secret", "user"] = attrs.field(default="secret", validator=_one_of("secret", "user"))
    code: Literal["zip", "image"] = attrs.field(default="zip", validator=_one_of("zip", "image"))
    runtime: str = attrs.field(
        default="python3.13", validator=_matching(r"python3\.\d+", "must be like python3.13")
    )
    architecture: Literal["x86_64", "arm64"] = attrs.field(
        default="x86_64", validator=_one_of("x86_64", "arm64")
    )
    memory_mb: int = attrs.field(default=512, validator=_whole(128, 10_240))
    stream_batch: int = attrs.field(default=10, validator=_whole(1, 1_000))
    stream_retries: int = attrs.field(default=3, validator=_whole(0, 100))
    stream_age_seconds: int = attrs.field(default=3_600, validator=_whole(60, 86_400))
    stream_timeout: int = attrs.field(default=60, validator=_whole(10, 900))
    schedule_minutes: int = attrs.field(default=1, validator=_whole(1, 60))
    schedule_timeout: int = attrs.field(default=300, validator=_whole(10, 900))
    log_days: int = attrs.field(default=30, validator=_one_of(*_LOG_DAYS))
    origins: tuple[str, ...] = attrs.field(default=(), converter=tuple)
    """Web origins whose pages may send uploads and fetch results; none: the bucket has no CORS rule."""

    @origins.validator
    def _check_origins(self, attribute: attrs.Attribute[tuple[str, ...]], value: tuple[str, ...]) -> None:
        if not all(isinstance(one, str) and re.fullmatch(r"https?://[^\s/*]+", one) for one in value):
            raise InvalidSpecError(
                attribute.name, "must be like https://app.example.com, without a path or *"
            )

    def __attrs_post_init__(self) -> None:
        if self.warehouse == "workgroup" and self.login == "user":
            raise InvalidSpecError("login", "a workgroup has no temporary superuser; use a secret")

    @property
    def expiry_days(self) -> int | None:
        """Days after which no file of any job can still be needed; None if there is no such number.

        A file is at most as old as its job took through all its clocks: an upload may be sent at the
        beginning, and a job's files are kept for their retention after its end. Where jobs may wait in the
        queue without limit, their input may be of any age.
        """
        kept = self.settings.retention
        if kept.queue is None:
            return None
        return math.ceil((kept.upload + kept.queue + kept.run + kept.results) / _DAY) + 1

    @property
    def unfinished_days(self) -> int:
        """Days after which an upload in parts that was not completed never will be."""
        kept = self.settings.retention
        return math.ceil(max(kept.upload, kept.run) / _DAY) + 1

    def variables(self) -> dict[str, str]:
        """The settings that are not as they are at first, as variables of the functions."""
        values = {name: getattr(self.settings, name) for name in _CARRIED}
        return {
            f"SPECTRA_{name.upper()}": value if isinstance(value, str) else _plain(value)
            for name, value in values.items()
            if value != getattr(_SETTINGS, name)
        }


def _plain(value: float | bool | None) -> str:
    """A number, switch or None as `Settings` reads it, without losing a digit."""
    return str(value).removesuffix(".0").lower()
