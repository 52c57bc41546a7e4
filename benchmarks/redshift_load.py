"""One load in a process of its own; it prints the most memory that the process had, in bytes."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import attrs

from benchmarks.redshift import BUCKET, task_of
from spectra.adapters.aws.redshift import RedshiftExecutor
from spectra.adapters.aws.s3 import S3ResultStore
from spectra.domain import LoadSpec, Upload
from spectra.ports import Status


def main(
    port: str, endpoint: str, key: str, secret: str, failed: str, location: str, size: str, etag: str
) -> None:
    """Load the upload; so many records have to fail."""
    import boto3
    from botocore.config import Config

    s3 = boto3.client(
        "s3",
        endpoint_url=endpoint,
        aws_access_key_id=key,
        aws_secret_access_key=secret,
        region_name="us-east-1",
        config=Config(signature_version="s3v4", s3={"addressing_style": "path"}),
    )
    connect = {
        "host": "127.0.0.1",
        "port": int(port),
        "database": "dev",
        "user": "spectra",
        "password": "Passw0rd",
    }
    spec = LoadSpec(
        operation="insert",
        object="budget",
        compression="GZIP",
        max_failed_records=int(failed),
        content_type="CSV",
    )
    with (
        S3ResultStore(BUCKET, client=s3) as results,
        RedshiftExecutor(results, {**connect, "ssl": False}) as executor,
    ):
        task = task_of(results, s3, f"m{size}", spec)
        task = attrs.evolve(task, upload=Upload(location, int(size), etag))
        executor.start(task)
        execution = executor.poll(task, wait=3_600)
        assert execution.status is Status.SUCCEEDED, execution.error
        assert execution.counts is not None
        assert execution.counts.failed == int(failed)
    # Not getrusage: that begins with the most that the parent had.
    found = re.search(r"VmHWM:\s*(\d+) kB", Path("/proc/self/status").read_text())
    assert found is not None
    print(int(found[1]) * 1024)


if __name__ == "__main__":
    main(*sys.argv[1:])
