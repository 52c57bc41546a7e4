"""Settings name the variable that is wrong."""

from __future__ import annotations

from datetime import timedelta
import os
from pathlib import Path

import attrs
import pytest

from spectra import Settings
from spectra.errors import InvalidSettingsError, NotConfiguredError
from spectra.settings.fields import variable


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


def test_passwords_are_shown_nowhere() -> None:
    settings = Settings.from_env({"SPECTRA_REDSHIFT_PASSWORD": "hunter2"})
    assert settings.redshift_password == "hunter2"
    assert "hunter2" not in repr(settings) and "hunter2" not in str(settings)
    for wrong in (12345678, b"hunter2"):
        with pytest.raises(InvalidSettingsError) as refused:
            Settings(redshift_password=wrong)  # type: ignore[arg-type]
        assert str(refused.value) == "SPECTRA_REDSHIFT_PASSWORD: must be text"


@pytest.mark.parametrize(("text", "value"), [("true", True), ("0", False), ("Yes", True), ("OFF", False)])
def test_switches(text: str, value: bool) -> None:
    assert Settings.from_env({"SPECTRA_REDSHIFT_SSL": text}).redshift_ssl is value


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("SPECTRA_REDSHIFT_IAM", "perhaps"),
        ("SPECTRA_EXECUTOR", "odbc"),
        ("SPECTRA_REDSHIFT_PORT", "0"),
        ("SPECTRA_MAX_POLL_SECONDS", "1"),
        ("SPECTRA_IDLE_SECONDS", "0"),
        ("SPECTRA_METRICS_NAMESPACE", "${Table}"),
        ("SPECTRA_METRICS_SERVICE", "a b"),
    ],
)
def test_wrong_values_of_aws_and_workers(variable: str, value: str) -> None:
    with pytest.raises(InvalidSettingsError, match=variable):
        Settings.from_env({variable: value})


def test_the_page_lists_every_variable() -> None:
    page = Path(__file__).parents[2] / "docs" / "settings.md"
    before, mark, rest = page.read_text("utf-8").partition("<!-- table -->\n")
    wanted = before + mark + the_table() + rest[rest.index("\n\n") :]
    if os.environ.get("WRITE_DOCS"):
        page.write_text(wanted, "utf-8")
    assert page.read_text("utf-8") == wanted, "write it anew: WRITE_DOCS=1 pytest tests/unit/test_settings.py"


def test_no_limit_of_executions() -> None:
    assert Settings.from_env({"SPECTRA_BULK_MAX_CONCURRENT_JOBS": "none"}).bulk_max_concurrent_jobs is None
    assert Settings(bulk_max_concurrent_jobs=None).bulk_max_concurrent_jobs is None
    with pytest.raises(InvalidSettingsError):
        Settings.from_env({"SPECTRA_REDSHIFT_PORT": "none"})


def the_table() -> str:
    lines = ["| variable | meaning | values | at first |", "|---|---|---|---|"]
    for field in attrs.fields(Settings):
        default = field.default
        first = "" if default is None else f"`{str(default).lower() if type(default) is bool else default}`"
        about, values = field.metadata["about"], field.metadata["values"]
        lines.append(f"| `{variable(field.name)}` | {about} | {values} | {first} |")
    return "\n".join(lines)
