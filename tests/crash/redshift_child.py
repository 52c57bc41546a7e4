"""A process that begins work on Redshift, says so, follows it, and waits to be killed."""

from __future__ import annotations

import os
import pickle
import sys

from spectra.adapters.aws.redshift import RedshiftDataExecutor, RedshiftExecutor
from spectra.adapters.aws.s3 import S3ResultStore
from tests.contract.redshift_house import TARGET


def step(executor, task, what: str) -> None:
    """Take one step, and be gone at once, as a function is when its handler returns."""
    said = executor.start(task) if what == "start" else executor.poll(task).status
    print(said, flush=True)
    os._exit(0)


def main() -> None:
    import boto3
    from botocore.config import Config

    facts = pickle.loads(open(sys.argv[1], "rb").read())
    s3 = boto3.client(
        "s3", **facts["s3"], config=Config(signature_version="s3v4", s3={"addressing_style": "path"})
    )
    results = S3ResultStore(facts["bucket"], prefix=facts["prefix"], client=s3)
    executor = RedshiftExecutor(results, facts["redshift"])
    if facts["data_api"]:
        account = {**facts["s3"], "endpoint_url": facts["data_api"]}
        executor = RedshiftDataExecutor(results, boto3.client("redshift-data", **account), TARGET)
    if len(sys.argv) > 2:
        step(executor, facts["task"], sys.argv[2])
    print("ready", flush=True)
    sys.stdin.readline()
    executor.start(facts["task"])
    print("begun", flush=True)
    execution = executor.poll(facts["task"], wait=120)
    print(execution.status, flush=True)
    sys.stdin.readline()


if __name__ == "__main__":
    main()
