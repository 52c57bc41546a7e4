"""Servers that speak DynamoDB: Amazon's DynamoDB Local, and moto where there is no Java."""

from __future__ import annotations

import abc
import importlib.util
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import uuid
from pathlib import Path
from typing import Any, ClassVar, Final, Self

from spectra.errors import MissingExtraError, NotConfiguredError

__all__ = ["DynamoDBServer", "LocalDynamoDB", "LocalMoto", "local_dynamodb"]

VARIABLE: Final = "DYNAMODB_LOCAL"
_JAR: Final = "DynamoDBLocal.jar"
_START: Final = 60.0

# The server replaces the shell. A reader of the shell's input stays beside it, and ends the whole group when that
# input ends: when the process that started the server is gone, in whatever way.
_LIFELINE: Final = 'exec 3<&0; (cat <&3 >/dev/null; kill -9 0) & exec "$@" 3<&- </dev/null'


class DynamoDBServer(abc.ABC):
    """A process that speaks DynamoDB on a free port: ``with LocalDynamoDB() as dynamodb: dynamodb.client()``.

    What it keeps is gone when the context is left. Its process ends with the one that started it,
    even if that one is killed. Starting it raises `RuntimeError` with the end of its log if it does
    not answer in a minute.
    """

    region = "us-east-1"
    secret_key = "local-secret-key-of-spectra-testing-0000"  # noqa: S105 - it is not checked

    def __init__(self) -> None:
        # Each access key has its own tables, so nobody meets them who does not know this one.
        self.access_key = f"AKIASPECTRA{uuid.uuid4().hex[:20].upper()}"
        self.endpoint = ""
        self._process: subprocess.Popen[bytes] | None = None
        self._folder: Path | None = None

    @property
    @abc.abstractmethod
    def name(self) -> str:
        """What it is, for reports."""

    @abc.abstractmethod
    def _command(self, port: int) -> list[str]:
        """The program and its arguments."""

    def start(self) -> Self:
        """Start it, in some two seconds.

        Raises:
            MissingExtraError: a package is not installed.
            NotConfiguredError: the program is not there; says where it was looked for.
            RuntimeError: it does not answer; carries the end of its log.
        """
        if importlib.util.find_spec("boto3") is None:
            raise MissingExtraError("aws", "boto3")
        port = _free_port()
        command = self._command(port)
        self._folder = Path(tempfile.mkdtemp(prefix="spectra-dynamodb-"))
        try:
            with self._log.open("wb") as log:
                self._process = subprocess.Popen(  # noqa: S603 - the program was found by `_command`
                    ["/bin/sh", "-c", _LIFELINE, "sh", *command],
                    stdin=subprocess.PIPE,
                    stdout=log,
                    stderr=log,
                    start_new_session=True,
                    cwd=self._folder,
                    env={**os.environ, "DDB_LOCAL_TELEMETRY": "0"},
                )
            self.endpoint = f"http://127.0.0.1:{port}"
            self._wait()
        except BaseException:
            self.close()
            raise
        return self

    @property
    def _log(self) -> Path:
        assert self._folder is not None
        return self._folder / "log"

    def _wait(self) -> None:
        assert self._process is not None
        until = time.monotonic() + _START
        client = self.client(total_max_attempts=1)
        while True:
            try:
                client.list_tables()
            except Exception as exc:
                if time.monotonic() > until or self._process.poll() is not None:
                    log = self._log.read_text(errors="replace")[-2_000:]
                    raise RuntimeError(f"{self.name} did not start; the end of its log:\n{log}") from exc
                time.sleep(0.05)
            else:
                client.close()
                return

    def client(self, *, endpoint: str | None = None, total_max_attempts: int = 3) -> Any:
        """A boto3 client of it, or of a proxy before it."""
        return self._made("dynamodb", endpoint, total_max_attempts)

    def streams(self) -> Any:
        """A boto3 client of its streams."""
        return self._made("dynamodbstreams", None, 3)

    def _made(self, service: str, endpoint: str | None, attempts: int) -> Any:
        import boto3
        from botocore.config import Config

        return boto3.client(
            service,
            endpoint_url=endpoint or self.endpoint,
            aws_access_key_id=self.access_key,
            aws_secret_access_key=self.secret_key,
            region_name=self.region,
            config=Config(
                retries={"mode": "standard", "total_max_attempts": attempts},
                connect_timeout=5,
                read_timeout=30,
                max_pool_connections=64,
            ),
        )

    def close(self) -> None:
        """Stop it, and remove what it keeps."""
        if self._process is not None:
            assert self._process.stdin is not None
            self._process.kill()
            self._process.wait()
            self._process.stdin.close()
            self._process = None
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.close()


class LocalDynamoDB(DynamoDBServer):
    """Amazon's DynamoDB Local, in memory.

    *path* is its jar, or the folder of it; else the variable ``DYNAMODB_LOCAL`` says so, else it is
    ``<sys.prefix>/dynamodb``. It needs Java 17. It has no switch for the address it listens on, and so
    listens on all of them; what it keeps is shown only to who knows its `access_key`, which is random.
    """

    def __init__(self, path: str | os.PathLike[str] | None = None) -> None:
        super().__init__()
        self._path = path
        self._version = ""

    @property
    def name(self) -> str:
        return f"DynamoDB Local {self._version}".rstrip()

    @staticmethod
    def available() -> bool:
        """Whether the jar and Java are where they are looked for."""
        return shutil.which("java") is not None and _jar(None).is_file()

    def _command(self, port: int) -> list[str]:
        jar, java = _jar(self._path), shutil.which("java")
        if not jar.is_file():
            raise NotConfiguredError(
                f"there is no {_JAR} at {jar}; give its path, or set {VARIABLE} (docs/local-dynamodb.md)"
            )
        if java is None:
            raise NotConfiguredError("DynamoDB Local needs java on the PATH, Java 17 or newer")
        return [
            java,
            # A third less time to start, and less memory: it is used for a minute, not for a month.
            "-XX:TieredStopAtLevel=1",
            "-XX:+UseSerialGC",
            "-XX:-UsePerfData",
            "-Xmx512m",
            "-Djava.io.tmpdir=.",
            f"-Djava.library.path={jar.parent / 'DynamoDBLocal_lib'}",
            "-jar",
            str(jar),
            "-inMemory",
            "-disableTelemetry",
            "-port",
            str(port),
        ]

    def _wait(self) -> None:
        super()._wait()
        for line in self._log.read_text(errors="replace").splitlines():
            if line.startswith("Version:"):
                self._version = line.partition(":")[2].strip()


class LocalMoto(DynamoDBServer):
    """moto, for machines without Java: one request at a time, so that it says nothing about races."""

    name = "moto"

    _PROGRAM: ClassVar = (
        "import sys; from moto.moto_server.werkzeug_app import DomainDispatcherApplication as App, create_backend_app;"
        " from werkzeug.serving import run_simple;"
        " run_simple('127.0.0.1', int(sys.argv[1]), App(create_backend_app), threaded=False)"
    )

    def _command(self, port: int) -> list[str]:
        if importlib.util.find_spec("moto") is None:
            raise NotConfiguredError("moto is not installed; run: pip install 'moto[dynamodb,server]'")
        return [sys.executable, "-c", self._PROGRAM, str(port)]


def local_dynamodb() -> DynamoDBServer:
    """DynamoDB Local where its jar and Java are found, else moto; `DynamoDBServer.name` says which."""
    return LocalDynamoDB() if LocalDynamoDB.available() else LocalMoto()


def _jar(path: str | os.PathLike[str] | None) -> Path:
    found = Path(path or os.environ.get(VARIABLE) or Path(sys.prefix, "dynamodb")).absolute()
    return found if found.suffix == ".jar" else found / _JAR


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])
