"""Settings name the variable that is wrong."""

from __future__ import annotations

from datetime import timedelta

import pytest

from spectra import Settings
from spectra.errors import InvalidSettingsError, NotConfiguredError


def test_defaults() -> None:
    settings = Settings()
    assert settings.retention.jobs == timedelta(days=7)
    assert settings.max_upload_bytes == 150_000_000
    assert settings.bulk_max_concurrent_jobs == 5


def test_from_env() -> None:
    settings = Settings.from_env({"SPECTRA_JOB_TTL_DAYS": "8", "SPECTRA_HOME": "/x", "PATH": "y"})
    assert (settings.job_ttl_days, settings.home) == (8, "/x")


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("SPECTRA_JOB_TTL_DAYS", "0"),
        ("SPECTRA_JOB_TTL_DAYS", "seven"),
        ("SPECTRA_JOB_TTL_DAYS", "nan"),
        ("SPECTRA_RESULT_TTL_DAYS", "8"),
        ("SPECTRA_PRESIGNED_URL_EXPIRY", "604801"),
        ("SPECTRA_MAX_ATTEMPTS", "0"),
        ("SPECTRA_MAX_ATTEMPTS", "1.5"),
        ("SPECTRA_HOME", " "),
        ("SPECTRA_RESULT_SIZE_THRESHOLD", "10001"),
        ("SPECTRA_DEFAULT_TIMEOUT_SECONDS", "301"),
    ],
)
def test_wrong_values_name_the_variable(variable: str, value: str) -> None:
    with pytest.raises(InvalidSettingsError) as wrong:
        Settings.from_env({variable: value})
    assert wrong.value.variable == variable
    assert variable in str(wrong.value)


def test_unknown_names_warn() -> None:
    with pytest.warns(UserWarning, match="SPECTRA_JOB_TTL_DAY "):
        Settings.from_env({"SPECTRA_JOB_TTL_DAY": "7"})


def test_from_settings_needs_a_home() -> None:
    from spectra import Spectra

    with pytest.raises(NotConfiguredError):
        Spectra.from_settings(Settings())
