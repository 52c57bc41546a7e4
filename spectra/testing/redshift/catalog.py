"""The system views and functions of the local Redshift, and what they are filled from."""

from __future__ import annotations

import threading
from typing import Final

from spectra.testing.redshift.backend import Backend
from spectra.testing.redshift.copying import Copied
from spectra.testing.redshift.switches import Behaviour

__all__ = ["Catalog"]

SETUP: Final = """
SET allow_system_table_mods = on;
CREATE SCHEMA IF NOT EXISTS redshift_local;
GRANT USAGE ON SCHEMA redshift_local TO PUBLIC;
CREATE UNLOGGED TABLE redshift_local.lag (seconds double precision NOT NULL, idle boolean NOT NULL);
INSERT INTO redshift_local.lag VALUES (0, false);
CREATE UNLOGGED TABLE redshift_local.queries (
    query_id bigint PRIMARY KEY, user_id oid, username text, query_label text, transaction_id bigint,
    session_id integer, database_name text, query_type text, status text, start_time timestamp,
    end_time timestamp, error_message text, returned_rows bigint, query_text text);
CREATE INDEX ON redshift_local.queries (query_label);
CREATE UNLOGGED TABLE redshift_local.load_errors (
    user_id oid, query_id bigint, transaction_id bigint, session_id integer, database_name text, table_id oid,
    start_time timestamp, file_name text, line_number bigint, column_name text, column_type text,
    column_length text, position integer, error_code integer, error_message text, raw_line text,
    raw_field_value text);
CREATE INDEX ON redshift_local.load_errors (file_name);
CREATE UNLOGGED TABLE redshift_local.loads (
    user_id oid, query_id bigint, transaction_id bigint, session_id integer, database_name text, status text,
    table_name text, start_time timestamp, end_time timestamp, data_source text, file_format text,
    loaded_rows bigint, source_file_count integer, source_file_bytes bigint, error_count bigint);
CREATE UNLOGGED TABLE redshift_local.unloads (
    query_id bigint, user_id oid, transaction_id bigint, session_id integer, database_name text, status text,
    start_time timestamp, end_time timestamp, file_format text, unloaded_location text, unloaded_rows bigint,
    unloaded_files_count integer, unloaded_files_size bigint, error_message text);
CREATE UNLOGGED TABLE redshift_local.sessions (
    session_id integer, user_name text, database_name text, status text, start_time timestamp, end_time timestamp);
CREATE FUNCTION redshift_local.now() RETURNS timestamp STABLE LANGUAGE sql
    AS $$ SELECT clock_timestamp() AT TIME ZONE 'UTC' $$;
CREATE FUNCTION redshift_local.mine(oid) RETURNS boolean STABLE LANGUAGE sql
    AS $$ SELECT $1 = usesysid OR usesuper FROM pg_user WHERE usename = current_user $$;
CREATE FUNCTION redshift_local.seen(timestamp) RETURNS boolean STABLE LANGUAGE sql
    AS $$ SELECT $1 + seconds * interval '1 second' <= redshift_local.now() FROM redshift_local.lag $$;
CREATE VIEW pg_catalog.sys_query_history AS
    SELECT user_id, query_id, query_label::char(320), transaction_id, session_id, database_name::char(128),
        query_type::char(32),
        CASE WHEN end_time IS NULL OR NOT redshift_local.seen(end_time) THEN 'running' ELSE status END::char(10) AS status,
        start_time, CASE WHEN redshift_local.seen(end_time) THEN end_time END AS end_time,
        (extract(epoch FROM coalesce(end_time, redshift_local.now()) - start_time) * 1000000)::bigint AS elapsed_time,
        0::bigint AS queue_time,
        (extract(epoch FROM coalesce(end_time, redshift_local.now()) - start_time) * 1000000)::bigint AS execution_time,
        error_message::char(512), returned_rows, query_text::varchar(4000), username
    FROM redshift_local.queries WHERE redshift_local.seen(start_time) AND redshift_local.mine(user_id);
CREATE VIEW pg_catalog.sys_load_error_detail AS
    SELECT user_id, query_id, transaction_id, session_id, database_name::char(64), table_id, start_time,
        file_name::char(256), line_number, column_name::char(127), column_type::char(10), column_length::char(10),
        position, error_code, error_message::char(512)
    FROM redshift_local.load_errors WHERE redshift_local.seen(start_time) AND redshift_local.mine(user_id);
CREATE VIEW pg_catalog.stl_load_errors AS
    SELECT user_id AS userid, 0 AS slice, table_id AS tbl, start_time AS starttime, session_id AS session,
        query_id AS query, file_name::char(256) AS filename, line_number, column_name::char(127) AS colname,
        column_type::char(10) AS type, column_length::char(10) AS col_length, position,
        raw_line::char(1024), raw_field_value::char(1024), error_code AS err_code, error_message::char(100) AS err_reason
    FROM redshift_local.load_errors WHERE redshift_local.seen(start_time) AND redshift_local.mine(user_id);
CREATE VIEW pg_catalog.sys_load_history AS
    SELECT * FROM redshift_local.loads WHERE redshift_local.seen(end_time) AND redshift_local.mine(user_id);
CREATE VIEW pg_catalog.sys_unload_history AS
    SELECT * FROM redshift_local.unloads WHERE redshift_local.seen(end_time) AND redshift_local.mine(user_id);
CREATE VIEW pg_catalog.sys_session_history AS
    SELECT session_id, user_name, database_name,
        CASE WHEN end_time IS NULL THEN 'active' ELSE 'closed' END::char(10) AS status, start_time, end_time
    FROM redshift_local.sessions;
CREATE VIEW pg_catalog.stv_sessions AS
    SELECT start_time AS starttime, session_id AS process, user_name::char(50), database_name::char(50) AS db_name
    FROM redshift_local.sessions WHERE end_time IS NULL;
CREATE VIEW pg_catalog.stv_recents AS
    SELECT user_id AS userid,
        CASE WHEN end_time IS NULL AND NOT (SELECT idle FROM redshift_local.lag) THEN 'Running' ELSE 'Done' END::char(20) AS status,
        start_time AS starttime, username::char(50) AS user_name, database_name::char(50) AS db_name,
        query_text::char(600) AS query, CASE WHEN end_time IS NULL THEN session_id ELSE -1 END AS pid
    FROM redshift_local.queries WHERE redshift_local.seen(start_time) AND redshift_local.mine(user_id);
CREATE VIEW pg_catalog.stv_db_isolation_level AS
    SELECT datname::char(128) AS db_name,
        CASE current_setting('default_transaction_isolation')
            WHEN 'serializable' THEN 'Serializable' ELSE 'Snapshot Isolation' END::char(20) AS isolation_level
    FROM pg_database WHERE datallowconn;
CREATE FUNCTION pg_catalog.getdate() RETURNS timestamp STABLE LANGUAGE sql
    AS $$ SELECT date_trunc('second', clock_timestamp() AT TIME ZONE 'UTC') $$;
CREATE FUNCTION pg_catalog.json_parse(text) RETURNS json IMMUTABLE STRICT LANGUAGE sql AS $$ SELECT $1::json $$;
CREATE FUNCTION pg_catalog.len(text) RETURNS integer IMMUTABLE LANGUAGE sql AS $$ SELECT length($1) $$;
CREATE FUNCTION redshift_local.told(text, bigint) RETURNS bigint STABLE LANGUAGE sql
    AS $$ SELECT coalesce(nullif(current_setting('redshift.' || $1, true), '')::bigint, $2) $$;
CREATE FUNCTION pg_catalog.pg_last_copy_count() RETURNS bigint STABLE LANGUAGE sql
    AS $$ SELECT redshift_local.told('copy_count', 0) $$;
CREATE FUNCTION pg_catalog.pg_last_copy_id() RETURNS bigint STABLE LANGUAGE sql
    AS $$ SELECT redshift_local.told('copy_id', -1) $$;
CREATE FUNCTION pg_catalog.pg_last_unload_count() RETURNS bigint STABLE LANGUAGE sql
    AS $$ SELECT redshift_local.told('unload_count', 0) $$;
CREATE FUNCTION pg_catalog.pg_last_unload_id() RETURNS bigint STABLE LANGUAGE sql
    AS $$ SELECT redshift_local.told('unload_id', -1) $$;
CREATE FUNCTION pg_catalog.pg_last_query_id() RETURNS bigint STABLE LANGUAGE sql
    AS $$ SELECT redshift_local.told('query_id', -1) $$;
GRANT SELECT ON ALL TABLES IN SCHEMA redshift_local TO PUBLIC;
"""

STL: Final = ("stl_load_errors", "stv_sessions", "stv_recents")


class Catalog:
    """Writes what the views show, on a connection of its own: no client's rollback takes it back."""

    def __init__(self, admin: Backend, behaviour: Behaviour) -> None:
        self._admin = admin
        self._behaviour = behaviour
        self._lock = threading.Lock()
        self._lag: tuple[float, bool] = (0.0, False)
        self._queries = 100
        self._users: dict[str, str] = {}
        admin.run(SETUP)

    def _run(self, sql: str) -> None:
        with self._lock:
            lag = (self._behaviour.history_lag, self._behaviour.idle_looking)
            if lag != self._lag:
                self._admin.run(f"UPDATE redshift_local.lag SET seconds = {lag[0]}, idle = {lag[1]}")
                self._lag = lag
            self._admin.run(sql)

    def user_id(self, name: str) -> str:
        """The number of a user."""
        with self._lock:
            found = self._users.get(name)
            if found is None:
                rows = self._admin.run(f"SELECT usesysid FROM pg_user WHERE usename = {text(name)}").rows
                found = self._users[name] = rows[0][0] or "0" if rows else "0"
        return found

    def is_superuser(self, name: str) -> bool:
        """Whether *name* may do everything."""
        with self._lock:
            return self._admin.run(f"SELECT usesuper FROM pg_user WHERE usename = {text(name)}").rows == [
                ("t",)
            ]

    def connected(self, pid: int, user: str, database: str) -> None:
        """A session begins."""
        self._run(
            f"INSERT INTO redshift_local.sessions VALUES ({pid}, {text(user)}, {text(database)}, 'active',"
            " redshift_local.now(), NULL)"
        )

    def left(self, pid: int) -> None:
        """A session has ended; what it ran has, too."""
        self._run(
            f"UPDATE redshift_local.sessions SET end_time = redshift_local.now() WHERE session_id = {pid} AND end_time IS NULL;"
            f" UPDATE redshift_local.queries SET end_time = redshift_local.now(), status = 'failed'"
            f" WHERE session_id = {pid} AND end_time IS NULL"
        )

    def began(
        self, *, pid: int, user: str, database: str, label: str, kind: str, sql: str, transaction: int
    ) -> int:
        """A statement begins; its number."""
        user_id = self.user_id(user)
        with self._lock:
            self._queries += 1
            number = self._queries
        self._run(
            f"INSERT INTO redshift_local.queries VALUES ({number}, {user_id}, {text(user)}, {text(label)}, {transaction},"
            f" {pid}, {text(database)}, {text(kind)}, 'running', redshift_local.now(), NULL, NULL, NULL, {text(sql[:4000])})"
        )
        return number

    def ended(self, number: int, status: str, said: str = "", rows: int = 0) -> None:
        """It has ended."""
        self._run(
            f"UPDATE redshift_local.queries SET status = {text(status)}, end_time = redshift_local.now(),"
            f" error_message = {text(said[:512])}, returned_rows = {rows} WHERE query_id = {number}"
        )

    def loaded(
        self,
        number: int,
        *,
        pid: int,
        user: str,
        database: str,
        status: str,
        table: str,
        source: str,
        kind: str,
        done: Copied,
    ) -> None:
        """A COPY has ended, well or badly."""
        user_id = self.user_id(user)
        self._run(
            f"INSERT INTO redshift_local.loads VALUES ({user_id}, {number}, {number}, {pid}, {text(database)},"
            f" {text(status)}, {text(table)}, redshift_local.now(), redshift_local.now(), {text(source)}, {text(kind)},"
            f" {done.rows}, {done.files}, {done.bytes}, {len(done.errors)})"
        )
        for at in range(0, len(done.errors), 1_000):
            values = ", ".join(
                f"({user_id}, {number}, {number}, {pid}, {text(database)}, 0, redshift_local.now(), {text(one.file)},"
                f" {one.line}, {text(one.column)}, {text(one.type)}, {text(one.length)}, {one.position}, {one.code},"
                f" {text(one.message)}, {text(one.raw)}, {text(one.value)})"
                for one in done.errors[at : at + 1_000]
            )
            self._run(f"INSERT INTO redshift_local.load_errors VALUES {values}")

    def unloaded(
        self,
        number: int,
        *,
        pid: int,
        user: str,
        database: str,
        target: str,
        kind: str,
        rows: int,
        files: int,
        size: int,
    ) -> None:
        """An UNLOAD has succeeded."""
        self._run(
            f"INSERT INTO redshift_local.unloads VALUES ({number}, {self.user_id(user)}, {number}, {pid}, {text(database)},"
            f" 'completed', redshift_local.now(), redshift_local.now(), {text(kind)}, {text(target)}, {rows}, {files}, {size}, '')"
        )

    def close(self) -> None:
        """Leave."""
        with self._lock:
            self._admin.close()


def text(value: str) -> str:
    """A literal."""
    return "E'" + value.replace("\\", "\\\\").replace("'", "''").replace("\0", "") + "'"
