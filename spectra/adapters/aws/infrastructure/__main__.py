"""``python -m spectra.adapters.aws.infrastructure``: the template, for the settings of the environment."""

from __future__ import annotations

import os
import sys

from spectra.adapters.aws.infrastructure.definition import Infrastructure
from spectra.adapters.aws.infrastructure.template import rendered
from spectra.settings import Settings

if __name__ == "__main__":
    cluster = "SPECTRA_REDSHIFT_CLUSTER" in os.environ
    of_jobs = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("SPECTRA_AWS_", "SPECTRA_DYNAMODB_", "SPECTRA_S3_", "SPECTRA_REDSHIFT_"))
    }
    sys.stdout.write(
        rendered(
            Infrastructure(
                settings=Settings.from_env(of_jobs),
                table_name=os.environ.get("SPECTRA_DYNAMODB_TABLE_NAME", "spectra-jobs"),
                bucket_name=os.environ.get("SPECTRA_S3_BUCKET_NAME"),
                prefix=os.environ.get("SPECTRA_S3_PREFIX", ""),
                warehouse="cluster" if cluster else "workgroup",
                login="user" if cluster and "SPECTRA_REDSHIFT_SECRET_ARN" not in os.environ else "secret",
            )
        )
    )
