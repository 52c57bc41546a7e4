"""Tables of a local Redshift, as its host sees them."""

from __future__ import annotations

from spectra.adapters.aws.redshift import RedshiftDataExecutor, RedshiftExecutor, RedshiftOptions
from spectra.sql.literals import literal
from spectra.testing import ExecutorHarness


TARGET = {"ClusterIdentifier": "local", "Database": "dev", "DbUser": "spectra"}
"""What the Data API calls the local Redshift."""


def by_driver(results, redshift, connections=8, options=RedshiftOptions()):
    """An executor over redshift_connector."""
    return RedshiftExecutor(results, redshift.parameters, connections=connections, options=options)


def by_data_api(results, redshift, connections=8, options=RedshiftOptions()):
    """An executor over the Data API."""
    return RedshiftDataExecutor(
        results, redshift.data_client, TARGET, concurrency=connections, options=options
    )


class RedshiftHarness(ExecutorHarness):
    """Tables beside the gateway; two users who may read and write them."""

    user = "current_user"
    patience = 30.0

    def __init__(self, executor, results, redshift):
        self.executor, self.results, self.redshift = executor, results, redshift
        for session in self.sessions:
            redshift.user_exists(session.db_user)

    def create(self, table, columns, rows=()):
        self.redshift.run(f"create table {table} ({', '.join(map(' '.join, columns.items()))})")
        self.redshift.run(f"grant all on {table} to public")
        for some in batched(list(rows), 500):
            values = ", ".join("(" + ", ".join(sql_value(v) for v in row) + ")" for row in some)
            self.redshift.run(f"insert into {table} values {values}")

    def rows(self, table):
        return self.redshift.typed(f"select * from {table}")


def batched(rows, size):
    return [rows[at : at + size] for at in range(0, len(rows), size)]


def sql_value(value):
    return literal(value, "redshift")


def given(redshift, task, *words):
    """Whether the server was given a statement of *task* that has all *words*."""
    return any(
        one.label == task.label and all(word in one.sql for word in words)
        for one in list(redshift.statements)
    )


def when_given(patch, redshift, task, word, do):
    """Let *do* happen before the server runs a statement of *task* that has *word*."""
    log = redshift.log

    def logged(label, sql, pid):
        log(label, sql, pid)
        if label == task.label and word in sql:
            do()

    patch.setattr(redshift, "log", logged)
