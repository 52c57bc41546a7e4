"""Settings: typed, ranged, from ``SPECTRA_*`` variables or given by the host."""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final, Self

import attrs

from spectra.domain.retention import Retention
from spectra.errors import InvalidSettingsError

__all__ = ["Settings"]

PREFIX: Final = "SPECTRA_"
_WITHOUT_EFFECT: Final = {
    "SPECTRA_IDEMPOTENCY_TTL_HOURS": "an idempotency key lives exactly as long as its job",
}


def _variable(name: str) -> str:
    return PREFIX + name.upper()


def _number(default: Any, low: float, high: float, kind: type = int) -> Any:
    def check(_: object, attribute: attrs.Attribute[Any], value: Any) -> None:
        good = isinstance(value, kind) or (kind is float and isinstance(value, int))
        if value is None and default is None:
            return
        if not good or isinstance(value, bool) or not low <= value <= high:
            what = "a whole number" if kind is int else "a number"
            raise InvalidSettingsError(
                _variable(attribute.name), f"must be {what} from {low:,} to {high:,}, not {value!r}"
            )

    return attrs.field(default=default, validator=check, metadata={"parse": kind})


def _text(default: str | None) -> Any:
    def check(_: object, attribute: attrs.Attribute[Any], value: Any) -> None:
        if not (isinstance(value, str) and value.strip()) and not (value is None and default is None):
            raise InvalidSettingsError(_variable(attribute.name), f"must be text, not {value!r}")

    return attrs.field(default=default, validator=check, metadata={"parse": str})


@attrs.frozen(kw_only=True)
class Settings:
    """Everything that can be set; each field is also the variable ``SPECTRA_<FIELD>``.

    Raises:
        InvalidSettingsError: a value is of the wrong type or out of range; names the variable.
    """

    home: str | None = _text(None)
    """Folder of the embedded adapters; `Spectra.from_settings` needs it to choose them."""
    group: str = _text("spectra")
    """First word of the label that every statement carries in the warehouse."""
    job_ttl_days: float = _number(7, 0.001, 3650, float)
    result_ttl_days: float = _number(7, 0.001, 3650, float)
    """Results and uploads; not above `job_ttl_days`."""
    presigned_url_expiry: int = _number(3600, 1, 604_800)
    """Seconds that a link lives."""
    result_size_threshold: int = _number(10_000, 1, 10_000)
    """Rows that a synchronous query may return."""
    default_timeout_seconds: int = _number(60, 1, 300)
    max_timeout_seconds: int = _number(300, 1, 300)
    bulk_max_file_size_mb: float = _number(150, 0.000001, 5_000_000, float)
    """Largest upload, in units of 1,000,000 bytes as uploaded."""
    bulk_job_timeout_hours: float = _number(24, 0.0001, 720, float)
    bulk_max_concurrent_jobs: int | None = _number(5, 1, 10_000)
    """Running executions per tenant."""
    upload_timeout_hours: float = _number(24, 0.0001, 720, float)
    queue_timeout_hours: float | None = _number(None, 0.0001, 8_760, float)
    lease_seconds: float = _number(60, 1, 3_600, float)
    """The first lease of attached work; it grows to 300."""
    max_attempts: int = _number(5, 1, 50)
    """Attempts of one job, for transient and capacity errors and for lost executions."""
    log_level: str | None = _text(None)
    """Kept for hosts: Spectra itself never configures logging."""

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
        fields = {_variable(field.name): field for field in attrs.fields(cls)}
        values: dict[str, Any] = {}
        for variable, text in environ.items():
            if not variable.startswith(PREFIX):
                continue
            if variable in fields:
                field = fields[variable]
                values[field.name] = _parsed(variable, text, field.metadata["parse"])
            else:
                why = _WITHOUT_EFFECT.get(variable, "no setting of this name is known")
                warnings.warn(f"{variable} has no effect: {why}", stacklevel=2)
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


def _parsed(variable: str, text: str, kind: type) -> Any:
    try:
        return kind(text)
    except ValueError:
        raise InvalidSettingsError(variable, f"{text!r} is not a number") from None
