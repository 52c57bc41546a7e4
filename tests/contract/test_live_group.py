"""The group `live` works as docs/redshift.md says, here with the local Redshift as the real one."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def run(env, *more):
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/live", *more]
    return subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=300)


def test_the_group_runs_when_it_is_told_where(redshift, local_s3, bucket, prefix) -> None:
    for name in ("spectra_a", "spectra_b"):
        redshift.user_exists(name)
    env = {
        **{k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "PYTEST_", "REQUIRE_"))},
        "SPECTRA_LIVE_HOST": "127.0.0.1",
        "SPECTRA_LIVE_PORT": str(redshift.gateway.port),
        "SPECTRA_LIVE_USER": "spectra",
        "SPECTRA_LIVE_PASSWORD": "Passw0rd",
        "SPECTRA_LIVE_SSL": "0",
        "SPECTRA_LIVE_BUCKET": bucket,
        "SPECTRA_LIVE_PREFIX": prefix,
        "SPECTRA_LIVE_CLUSTER": "local",
        "AWS_ENDPOINT_URL_S3": local_s3.endpoint,
        "AWS_ENDPOINT_URL_REDSHIFT_DATA": redshift.data_api.endpoint,
        "AWS_ACCESS_KEY_ID": local_s3.access_key,
        "AWS_SECRET_ACCESS_KEY": local_s3.secret_key,
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    found = run(env, "-k", "ex4_operations")
    assert found.returncode == 0, found.stdout + found.stderr
    assert found.stdout.splitlines()[-1].startswith("4 passed, 2 skipped"), found.stdout


def test_without_it_nothing_is_collected() -> None:
    env = {k: v for k, v in os.environ.items() if not k.startswith(("SPECTRA_LIVE", "PYTEST_"))}
    found = run(env)
    assert found.returncode == 5, found.stdout
