"""Writing that publishes nothing before its end."""

from __future__ import annotations

import threading
from typing import Any, Final

from spectra.adapters.aws.s3.errors import translated
from spectra.errors import BackendError, BackendUnavailableError

__all__ = ["CHECKSUM", "Upload"]

# The one that S3 keeps of a whole object even if it came in parts.
CHECKSUM: Final = "CRC64NVME"
PART: Final = 8 * 1024 * 1024
_PARTS: Final = 10_000
_AT_ONCE: Final = 3
_GLANCE: Final = 0.5
_IDLE: Final = 3_600.0


class Upload:
    """An object that is being written: one that fits into a part is put, more goes out in parts at once.

    End it with `complete` or `abandon`. Memory holds at most six parts.
    """

    def __init__(self, client: Any, named: dict[str, str], location: str) -> None:
        self._client, self._named, self._location = client, named, location
        self._block = bytearray()
        self._parts: _Parts | None = None

    def write(self, data: bytes, /) -> int:
        """Take *data*."""
        rest = memoryview(data).cast("B")
        size = len(rest)
        while len(rest):
            if len(self._block) == PART:
                self._push()
            room = PART - len(self._block)
            self._block += rest[:room]
            rest = rest[room:]
        return size

    def _push(self) -> None:
        if self._parts is None:
            self._parts = _Parts(self._client, self._named)
        block, self._block = bytes(self._block), bytearray()
        with translated(self._location):
            self._parts.push(block)

    def complete(self) -> None:
        """Publish it.

        Raises:
            OutcomeUnknownError: it may have become visible.
        """
        if self._parts is None:
            with translated(self._location, writes=True):
                self._client.put_object(**self._named, Body=bytes(self._block), ChecksumAlgorithm=CHECKSUM)
            return
        self._push()
        with translated(self._location, writes=True):
            self._parts.complete()

    def abandon(self) -> None:
        """Make nothing visible, and leave no part behind."""
        if self._parts is not None:
            self._parts.abandon()


class _Parts:
    """Parts that boto3's transfer manager sends while the next ones are written.

    It takes a multipart upload apart again if anything fails, and completes it only after the end of
    the file that it reads.
    """

    def __init__(self, client: Any, named: dict[str, str]) -> None:
        from boto3.s3.transfer import TransferConfig, create_transfer_manager

        config = TransferConfig(
            multipart_threshold=PART,
            multipart_chunksize=PART,
            max_concurrency=_AT_ONCE,
            preferred_transfer_client="classic",
        )
        config.max_in_memory_upload_chunks = _AT_ONCE
        self._pipe = _Pipe()
        self._pushed = 0
        self._manager = create_transfer_manager(client, config)
        self._future = self._manager.upload(
            self._pipe, named["Bucket"], named["Key"], extra_args={"ChecksumAlgorithm": CHECKSUM}
        )

    def push(self, block: bytes) -> None:
        self._pushed += 1
        if self._pushed > _PARTS:
            raise BackendError(
                f"an object in S3 can be written to {_PARTS * PART >> 30} GiB; write several files"
            )
        # It does not end by itself when a part fails, but goes on reading.
        while not self._future.done():
            if self._pipe.offer(block):
                return
        self._pipe.drop()
        self._future.result()
        raise BackendUnavailableError("the upload to S3 ended before its time")

    def complete(self) -> None:
        self._pipe.end()
        self._future.result()
        self._manager.shutdown()

    def abandon(self) -> None:
        self._future.cancel()
        self._pipe.drop()
        self._manager.shutdown()


class _Pipe:
    """A file to read for the transfer manager, of blocks that another thread writes: it holds one."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._block: bytes | None = None
        self._ended = self._dropped = False

    def offer(self, block: bytes) -> bool:
        """Take *block* as soon as the last one was read; False if that takes long."""
        with self._changed:
            if not self._changed.wait_for(lambda: self._block is None, _GLANCE):
                return False
            self._block = block
            self._changed.notify_all()
            return True

    def end(self) -> None:
        """Say that nothing follows."""
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def drop(self) -> None:
        """Let the reader fail."""
        with self._changed:
            self._dropped = True
            self._changed.notify_all()

    def read(self, _size: int = -1) -> bytes:
        """Give the next block, which is as long as was asked for; the last one may be shorter."""
        with self._changed:
            said = self._changed.wait_for(
                lambda: self._block is not None or self._ended or self._dropped, _IDLE
            )
            if self._dropped or not said:
                raise BackendUnavailableError("the upload to S3 was given up")
            block, self._block = self._block or b"", None
            self._changed.notify_all()
            return block
