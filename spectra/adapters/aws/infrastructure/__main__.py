"""``python -m spectra.adapters.aws.infrastructure``: the template, for the settings of the environment."""

from __future__ import annotations

import sys

from spectra.adapters.aws.infrastructure.definition import Infrastructure
from spectra.adapters.aws.infrastructure.template import rendered
from spectra.settings import Settings

if __name__ == "__main__":
    settings = Settings.from_env()
    cluster = settings.redshift_cluster is not None
    sys.stdout.write(
        rendered(
            Infrastructure(
                settings=settings,
                table_name=settings.dynamodb_table_name,
                bucket_name=settings.s3_bucket_name,
                prefix=settings.s3_prefix or "",
                warehouse="cluster" if cluster else "workgroup",
                login="user" if cluster and settings.redshift_secret_arn is None else "secret",
            )
        )
    )
