"""Links to files, and files that the host serves itself because their store has no server of its own."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, BinaryIO, Final, cast
from urllib.parse import quote

from spectra.codec import instant
from spectra.errors import LinkRefusedError, ObjectNotFoundError
from spectra.hosts.http.messages import Request, Response, WholeBody
from spectra.ports import HostedLinks, ResultStore, UploadTarget
from spectra.services import Results

__all__ = ["absolute", "receive", "results_body", "serve", "target_body"]

_RANGE: Final = re.compile(r"bytes=(\d{0,18})-(\d{0,18})")
_TYPES: Final = {
    ".csv": "text/csv; charset=utf-8",
    ".jsonl": "application/x-ndjson",
    ".parquet": "application/vnd.apache.parquet",
    ".gz": "application/gzip",
    ".zst": "application/zstd",
    ".bz2": "application/x-bzip2",
}


def absolute(request: Request, url: str) -> str:
    """A link as the client needs it: those of a store without a server are paths below this interface."""
    return request.base_url + url if url.startswith("/") else url


def target_body(request: Request, target: UploadTarget) -> dict[str, Any]:
    """The reply of ``upload-url``."""
    return {
        "upload_url": absolute(request, target.url),
        "method": target.method,
        "headers": dict(target.headers),
        "fields": dict(target.fields),
        "expires_at": instant(target.expires_at),
        "max_bytes": target.max_bytes,
    }


def results_body(results: Results, link: Callable[[str], str]) -> dict[str, Any]:
    """The reply of ``results`` and its like."""
    parts = [
        {
            "download_url": link(part.url),
            "name": part.name,
            "size_bytes": part.bytes,
            "record_count": part.rows,
        }
        for part in results.parts
    ]
    return {
        "download_url": parts[0]["download_url"] if len(parts) == 1 else None,
        "expires_at": instant(results.expires_at),
        "format": str(results.content_type),
        "compression": str(results.compression),
        "size_bytes": results.bytes,
        "record_count": results.rows,
        "schema": [{"name": column.name, "type": column.type} for column in results.schema],
        "parts": parts,
    }


def receive(store: HostedLinks, request: Request, path: str) -> Response:
    """Take an upload through its link, which is all that its bearer needs."""
    store.receive(path, cast(BinaryIO, WholeBody(request)))
    return Response(status=204)


def serve(store: Any, request: Request, path: str) -> Response:
    """A file, or one range of it (RFC 9110, 14)."""
    link = store.redeem(path)
    if link.filename is None:
        raise LinkRefusedError("it is for an upload")
    files: ResultStore = store
    try:
        info = files.stat(link.location)
    except ObjectNotFoundError:
        raise ObjectNotFoundError("this link") from None  # where it lay is the host's own affair
    etag = f'"{info.etag}"'
    headers = {
        "Accept-Ranges": "bytes",
        "Cache-Control": "private",
        "Content-Disposition": f"attachment; filename*=UTF-8''{quote(link.filename, safe='')}",
        "Content-Type": _TYPES.get("." + link.filename.rpartition(".")[2], "application/octet-stream"),
        "ETag": etag,
        "X-Content-Type-Options": "nosniff",
    }
    start, end = 0, info.bytes
    wanted = request.header("if-range") in (None, etag) and _range(request.header("range"), info.bytes)
    if wanted:
        start, end = wanted
        if start >= end:
            return Response(status=416, headers={**headers, "Content-Range": f"bytes */{info.bytes}"})
        headers["Content-Range"] = f"bytes {start}-{end - 1}/{info.bytes}"
    headers["Content-Length"] = str(end - start)
    body: bytes | BinaryIO = b""
    if request.method != "HEAD" and end > start:
        body = files.open_read(link.location, start=start, length=end - start)
    return Response(status=206 if wanted else 200, headers=headers, body=body)


def _range(header: str | None, size: int) -> tuple[int, int] | None:
    """Where it begins and ends; None for what is no range, or several, which may be ignored."""
    found = _RANGE.fullmatch(header or "")
    if found is None or found.group(1, 2) == ("", ""):
        return None
    first, last = found.groups()
    if not first:
        return (max(size - int(last), 0), size) if int(last) else (size, size)
    if last and int(last) < int(first):
        return None
    return int(first), min(int(last) + 1 if last else size, size)
