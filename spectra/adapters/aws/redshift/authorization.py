"""The tenant's part of the work runs as the tenant's user."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from spectra.adapters.aws.redshift.channel import Channel
from spectra.domain import Session
from spectra.sql.identifiers import quote
from spectra.sql.literals import literal

__all__ = ["NotInGroupsError", "authorized", "check_groups"]


class NotInGroupsError(Exception):
    """The session's user is not in the groups that it names."""


@contextlib.contextmanager
def authorized(connection: Channel, session: Session) -> Iterator[None]:
    """Run as the session's user.

    Raises:
        NotInGroupsError: the user is in none of the groups that the session names.
    """
    if session.db_user is None:
        yield
        return
    check_groups(connection, session)
    connection.run(f"SET SESSION AUTHORIZATION {quote(session.db_user)}")
    try:
        yield
    finally:
        if not connection.broken and not (connection.in_transaction and _failed(connection)):
            connection.run("SET SESSION AUTHORIZATION DEFAULT")


def check_groups(connection: Channel, session: Session) -> None:
    """Make sure that the user is in the groups.

    Raises:
        NotInGroupsError: it is not.
    """
    if not session.db_groups:
        return
    names = ", ".join(literal(name, "redshift") for name in session.db_groups)
    found = connection.run(
        "SELECT g.groname FROM pg_group g, pg_user u WHERE u.usesysid = ANY(g.grolist)"
        f" AND u.usename = {literal(session.db_user, 'redshift')} AND g.groname IN ({names})"
    )
    missing = set(session.db_groups) - {str(row[0]) for row in found}
    if missing:
        raise NotInGroupsError(f"{session.db_user} is not in the group {min(missing)}")


def _failed(connection: Channel) -> bool:
    try:
        connection.run("SELECT 1")
    except Exception:
        return True
    return False
