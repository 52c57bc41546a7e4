"""The same life of jobs on DynamoDB, S3 and Redshift of one's own machine, in processes that share nothing.

    python examples/demo_aws.py [--flights COUNT] [stream | due]

Host and workers are processes of their own, and all they have in common is SPECTRA_* variables. The story
is told twice: driven by the table's stream as Lambda would be, over the Data API; and by a worker that
serves what is due, over the driver.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from flights import FLIGHTS, TABLE
from telling import say

from spectra import SpectraError
from spectra.adapters.aws.dynamodb.table import create_table
from spectra.testing.dynamodb import LocalDynamoDB
from spectra.testing.redshift import LocalRedshift
from spectra.testing.s3 import LocalS3

STORIES = {
    "stream": "the table's stream calls a function, and so does a clock; Redshift by its Data API",
    "due": "a worker serves what is due; Redshift by its driver",
}


def environment(how: str, dynamodb: LocalDynamoDB, s3: LocalS3, redshift: LocalRedshift) -> dict[str, str]:
    """What host and workers know."""
    login = redshift.parameters
    by_driver = {
        "SPECTRA_REDSHIFT_HOST": login["host"],
        "SPECTRA_REDSHIFT_PORT": str(login["port"]),
        "SPECTRA_REDSHIFT_PASSWORD": login["password"],
        "SPECTRA_REDSHIFT_SSL": "false",
    }
    by_data_api = {
        "SPECTRA_REDSHIFT_CLUSTER": "local",
        "SPECTRA_REDSHIFT_DATA_ENDPOINT": redshift.data_api.endpoint,
    }
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("SPECTRA_", "AWS_"))}
    return {
        **kept,
        "AWS_ACCESS_KEY_ID": dynamodb.access_key,
        "AWS_SECRET_ACCESS_KEY": dynamodb.secret_key,
        "SPECTRA_AWS_REGION": dynamodb.region,
        "SPECTRA_DYNAMODB_ENDPOINT": dynamodb.endpoint,
        "SPECTRA_DYNAMODB_TABLE_NAME": f"jobs-{how}",
        "SPECTRA_S3_ENDPOINT": s3.endpoint,
        "SPECTRA_S3_BUCKET_NAME": "spectra-demo",
        "SPECTRA_S3_PREFIX": f"{how}/",
        "SPECTRA_REDSHIFT_DATABASE": login["database"],
        "SPECTRA_REDSHIFT_USER": login["user"],
        # Everything is near and small here, so that nobody has to wait long for anything.
        "SPECTRA_IDLE_SECONDS": "0.1",
        "SPECTRA_LAMBDA_METRICS": "false",  # nobody reads figures here, and the story would drown in them
        "SPECTRA_LEASE_SECONDS": "2",
        "SPECTRA_MAX_POLL_SECONDS": "2",
        **(by_data_api if how == "stream" else by_driver),
    }


def told(how: str, count: int, environ: dict[str, str]) -> int:
    """Run a host in a process of its own; what it ended with."""
    command = [sys.executable, str(Path(__file__).with_name("demo_aws_host.py")), how, str(count)]
    with subprocess.Popen(command, env=environ) as host:
        try:
            return host.wait()
        except BaseException:
            host.send_signal(signal.SIGINT)
            with contextlib.suppress(subprocess.TimeoutExpired):
                host.wait(25)
            host.kill()
            raise


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--flights", type=int, default=FLIGHTS, metavar="COUNT")
    parser.add_argument("how", nargs="*", metavar="stream|due", default=list(STORIES))
    asked = parser.parse_args()
    if not set(asked.how) <= set(STORIES) or not 100 <= asked.flights <= FLIGHTS:
        parser.error(f"tell it stream or due, and 100 to {FLIGHTS:,} flights")
    begun = time.monotonic()
    with contextlib.ExitStack() as servers:
        dynamodb = servers.enter_context(LocalDynamoDB())
        s3 = servers.enter_context(LocalS3(access_key=dynamodb.access_key))
        redshift = servers.enter_context(LocalRedshift(s3.client()))
        s3.create_bucket("spectra-demo")
        redshift.user_exists("demo_airline")
        say(f"{dynamodb.name}, SeaweedFS and a local Redshift; started in {time.monotonic() - begun:.0f} s")
        for how in asked.how:
            say(f"\n━━ Driven by {how}: {STORIES[how]}")
            create_table(dynamodb.client(), f"jobs-{how}")
            redshift.run("drop table if exists flights")
            redshift.run(TABLE)
            redshift.run("grant all on flights to demo_airline")
            failed = told(how, asked.flights, environment(how, dynamodb, s3, redshift))
            if failed:
                return failed
    say(f"\nDone in {time.monotonic() - begun:.0f} s; everything that was started is stopped again.")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit("\ninterrupted; everything is stopped")
    except SpectraError as error:
        sys.exit(f"\n{error.code}: {error}")
