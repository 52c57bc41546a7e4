"""A process that begins work on Redshift, says so, and waits for its end, or to be killed."""

from __future__ import annotations

import pickle
import sys

from spectra.adapters.aws.redshift import RedshiftExecutor
from spectra.adapters.aws.s3 import S3ResultStore


def main() -> None:
    import boto3
    from botocore.config import Config

    facts = pickle.loads(open(sys.argv[1], "rb").read())
    s3 = boto3.client(
        "s3", **facts["s3"], config=Config(signature_version="s3v4", s3={"addressing_style": "path"})
    )
    results = S3ResultStore(facts["bucket"], prefix=facts["prefix"], client=s3)
    executor = RedshiftExecutor(results, facts["redshift"])
    print("ready", flush=True)
    sys.stdin.readline()
    executor.start(facts["task"])
    print("begun", flush=True)
    execution = executor.poll(facts["task"], wait=120)
    print(execution.status, flush=True)


if __name__ == "__main__":
    main()
