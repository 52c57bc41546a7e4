"""Can the worker do its work in Redshift, and can the query user do no more than read?"""

from __future__ import annotations

from typing import Final

from spectra.adapters.aws.infrastructure.findings import Finding, Findings
from spectra.adapters.aws.redshift.channel import Channel, Channels
from spectra.adapters.aws.redshift.ledger import TABLES
from spectra.errors import BackendError
from spectra.sql.identifiers import quote
from spectra.sql.literals import literal

__all__ = ["check_redshift"]

_LABEL: Final = "spectra:check"
_NAMED: Final = 3
_OWN: Final = "!~ '^(pg_|information_schema$|catalog_history$)'"
"""Of schemas: those that are not the server's."""


def check_redshift(
    channels: Channels, *, ledger_schema: str = "spectra", query_user: str | None = None
) -> tuple[Finding, ...]:
    """Look at the warehouse as the worker's user; it writes nothing.

    *query_user* is whom exports and queries of tenants run as.
    """
    found = Findings("redshift")
    try:
        with channels.ask(_LABEL) as channel:
            (user, database, superuser), *_ = channel.run(
                "SELECT u.usename, current_database(), u.usesuper FROM pg_user u WHERE u.usename = current_user"
            )
    except BackendError as exc:
        return found.error(
            f"it cannot be used: {exc}", "check the SPECTRA_REDSHIFT_ variables, the secret, the network"
        ).all()
    if not superuser:
        found.error(
            f"the worker's user {user} is no superuser: it cannot become the users of tenants",
            f"ALTER USER {quote(str(user))} CREATEUSER",
        )
    _isolation(found, channels, str(database))
    _looked(found, channels, "the ledger's schema", _Ledger(ledger_schema))
    if query_user is not None:
        _looked(found, channels, f"the user {query_user}", _QueryUser(query_user, ledger_schema))
    return found.all()


def _looked(found: Findings, channels: Channels, what: str, look: _Ledger | _QueryUser) -> None:
    try:
        with channels.ask(_LABEL) as channel:
            look(found, channel)
    except BackendError as exc:
        found.unknown(what, str(exc))


def _isolation(found: Findings, channels: Channels, database: str) -> None:
    try:
        with channels.ask(_LABEL) as channel:
            rows = channel.run(
                f"SELECT isolation_level FROM stv_db_isolation_level WHERE db_name = {_text(database)}"
            )
    except BackendError as exc:
        found.unknown("its isolation level", str(exc))
        return
    if not rows:
        found.unknown("its isolation level", "the view has no row of this database")
        return
    level = str(rows[0][0]).strip()
    if level.lower().startswith("serializable"):
        found.note(
            f"its isolation level is {level}: loads into tables that others read and write in one transaction "
            "may be begun again; SNAPSHOT spares that"
        )
    else:
        found.note(f"its isolation level is {level}")


class _Ledger:
    def __init__(self, schema: str) -> None:
        self._schema = schema

    def __call__(self, found: Findings, channel: Channel) -> None:
        schema = _text(self._schema)
        tables = channel.value(
            f"SELECT count(*) FROM pg_tables WHERE schemaname = {schema} AND tablename ~ '^ledger_[0-9]+$'"
        )
        if int(tables) >= TABLES:
            return
        there = channel.run(f"SELECT 1 FROM pg_namespace WHERE nspname = {schema}")
        right = (
            f"has_schema_privilege(current_user, {schema}, 'CREATE')"
            if there
            else "has_database_privilege(current_user, current_database(), 'CREATE')"
        )
        if not channel.value(f"SELECT {right}"):
            found.error(
                f"the ledger is not there, and the worker's user cannot make it in the schema {self._schema}",
                "grant it CREATE, or let the ledger be made once by who may",
            )


class _QueryUser:
    def __init__(self, name: str, ledger_schema: str) -> None:
        self._name, self._ledger = name, ledger_schema

    def __call__(self, found: Findings, channel: Channel) -> None:
        user, quoted = _text(self._name), quote(self._name)
        rows = channel.run(f"SELECT usesuper FROM pg_user WHERE usename = {user}")
        if not rows:
            found.error(f"there is no user {self._name}", f"CREATE USER {quoted} PASSWORD DISABLE")
            return
        if rows[0][0]:
            found.error(f"the user {self._name} is a superuser: it may do everything", "take another user")
            return
        named = "quote_ident(schemaname) || '.' || quote_ident(tablename)"
        rights = " OR ".join(
            f"has_table_privilege({user}, {named}, '{right}')" for right in ("INSERT", "UPDATE", "DELETE")
        )
        self._may(
            found,
            channel.run(f"SELECT {named} FROM pg_tables WHERE schemaname {_OWN} AND ({rights}) ORDER BY 1"),
            "change {}",
            f"REVOKE INSERT, UPDATE, DELETE ON those tables FROM {quoted}, its groups and roles, and PUBLIC",
        )
        self._may(
            found,
            channel.run(
                f"SELECT nspname FROM pg_namespace WHERE nspname {_OWN} "
                f"AND has_schema_privilege({user}, quote_ident(nspname), 'CREATE') ORDER BY 1"
            ),
            "make tables in {}",
            f"REVOKE CREATE ON those schemas FROM {quoted}, its groups and roles, and PUBLIC",
        )
        if channel.value(f"SELECT has_database_privilege({user}, current_database(), 'CREATE')"):
            self._may(
                found, [("the database",)], "make schemas in {}", f"REVOKE CREATE ON DATABASE FROM {quoted}"
            )
        ledger = channel.run(
            f"SELECT nspname FROM pg_namespace WHERE nspname = {_text(self._ledger)} "
            f"AND has_schema_privilege({user}, quote_ident(nspname), 'USAGE')"
        )
        if ledger:
            found.error(
                f"the user {self._name} may look into the ledger's schema",
                f"REVOKE ALL ON SCHEMA {quote(self._ledger)} FROM {quoted}, its groups and roles, and PUBLIC",
            )

    def _may(self, found: Findings, rows: list[tuple[object, ...]], what: str, fix: str) -> None:
        if rows:
            names = ", ".join(str(name) for (name,) in rows[:_NAMED])
            more = f" and {len(rows) - _NAMED} more" if len(rows) > _NAMED else ""
            found.warning(f"the user {self._name} may {what.format(names + more)}", fix)


def _text(value: str) -> str:
    return literal(value, "redshift")
