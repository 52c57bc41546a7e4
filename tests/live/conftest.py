"""Tests against a real Redshift. They are there only when ``SPECTRA_LIVE_HOST`` is set; docs/redshift.md says how."""

from __future__ import annotations

import os

import pytest

collect_ignore_glob = [] if os.environ.get("SPECTRA_LIVE_HOST") else ["test_*.py"]


class Live:
    """What the environment says, and the host's own way to its tables."""

    def __init__(self) -> None:
        said = os.environ
        self.bucket = said["SPECTRA_LIVE_BUCKET"]
        self.prefix = said.get("SPECTRA_LIVE_PREFIX", "spectra-live/")
        self.users = tuple(said.get("SPECTRA_LIVE_USERS", "spectra_a,spectra_b").split(","))
        self.role = said.get("SPECTRA_LIVE_IAM_ROLE", "default")
        self.database = said.get("SPECTRA_LIVE_DATABASE", "dev")
        self.connect = {
            "host": said["SPECTRA_LIVE_HOST"],
            "port": int(said.get("SPECTRA_LIVE_PORT", "5439")),
            "database": self.database,
            "user": said["SPECTRA_LIVE_USER"],
            "password": said["SPECTRA_LIVE_PASSWORD"],
            "ssl": said.get("SPECTRA_LIVE_SSL", "1") == "1",
        }
        self.target = {"Database": self.database}
        if "SPECTRA_LIVE_WORKGROUP" in said:
            self.target["WorkgroupName"] = said["SPECTRA_LIVE_WORKGROUP"]
        elif "SPECTRA_LIVE_CLUSTER" in said:
            self.target["ClusterIdentifier"] = said["SPECTRA_LIVE_CLUSTER"]
            self.target["DbUser"] = said["SPECTRA_LIVE_USER"]
        if "SPECTRA_LIVE_SECRET_ARN" in said:
            self.target.pop("DbUser", None)
            self.target["SecretArn"] = said["SPECTRA_LIVE_SECRET_ARN"]

    def run(self, sql):
        import redshift_connector

        with redshift_connector.connect(**self.connect) as connection:
            connection.autocommit = True
            cursor = connection.cursor()
            cursor.execute(sql)
            return [tuple(row) for row in cursor.fetchall()] if cursor.description else []


@pytest.fixture(scope="session")
def live():
    return Live()


@pytest.fixture(scope="session")
def tables(live):
    """Names of tables that are dropped at the end."""
    made = []
    yield made
    for name in made:
        live.run(f"DROP TABLE IF EXISTS {name}")
