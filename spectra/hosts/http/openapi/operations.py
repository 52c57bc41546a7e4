"""What is said of each route: what it does, what it takes, what it answers with."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

import attrs

from spectra.hosts.http.openapi import requests as asked
from spectra.hosts.http.openapi.failures import failures
from spectra.hosts.http.openapi.responses import (
    CONTENT_RANGE,
    ETAG,
    FILE,
    LOCATION,
    RETRY_AFTER,
    json,
    response,
)
from spectra.hosts.http.openapi.schemas import Schema

__all__ = ["OPERATIONS", "Operation"]

_BINARY: Final = {"*/*": {"schema": {"type": "string", "format": "binary"}}}
_ABOUT: Final = ("read_job", "change_job", "upload_url", "upload", "results", "retry_job")


@attrs.frozen(kw_only=True)
class Operation:
    """The parts of an OpenAPI Operation Object, whose ``$ref`` lead to `SCHEMAS` as the document's components.

    *responses* has first the one of a plain success, and those of errors too.
    """

    summary: str
    description: str
    responses: Mapping[int, Schema]
    parameters: tuple[Schema, ...] = ()
    body: Schema | None = None

    @property
    def request(self) -> Schema:
        """``parameters`` and ``requestBody``."""
        said: Schema = {"parameters": list(self.parameters)}
        return said if self.body is None else {**said, "requestBody": self.body}


def _operation(
    name: str,
    summary: str,
    description: str,
    responses: Mapping[int, Schema],
    *parameters: Schema,
    body: Schema | None = None,
) -> Operation:
    return Operation(
        summary=summary,
        description=description,
        responses={**responses, **failures(name)},
        parameters=(*parameters, asked.REQUEST_ID),
        body=body,
    )


def _created(description: str) -> Schema:
    links = {
        name: {"operationId": name, "parameters": {"job_id": "$response.body#/job_id"}} for name in _ABOUT
    }
    return {**json(description, "CreatedJob", LOCATION | ETAG), "links": links}


_NEW: Final = {
    201: _created("The new job"),
    200: _created("The job that the idempotency key had made before"),
}
_JOB: Final = {200: json("The job as it now is", "Job", ETAG | RETRY_AFTER)}
_LINKS: Final = {200: json("Links; no parts where there are no such records", "Results")}
_DONE: Final = {204: response("Done")}
_UNCHANGED: Final = {304: response("The job is as you know it", ETAG | RETRY_AFTER)}
_SERVED: Final = {
    200: response("The whole file", FILE, _BINARY),
    206: response("The range", FILE | CONTENT_RANGE, _BINARY),
    416: response("The range begins behind the end", CONTENT_RANGE),
}

OPERATIONS: Final[Mapping[str, Operation]] = MappingProxyType(
    {
        "create_job": _operation(
            "create_job",
            "Create a job",
            "An export, which may begin at once, or a load, which waits for its upload to be closed.",
            _NEW,
            asked.IDEMPOTENCY_KEY,
            body=asked.CREATE,
        ),
        "list_jobs": _operation(
            "list_jobs",
            "List jobs",
            "Newest first. A job that existed throughout appears once, however long you turn pages.",
            {200: json("A page", "JobList")},
            *asked.LISTING,
        ),
        "read_job": _operation(
            "read_job",
            "Read a job",
            "Cheap to repeat: send the ETag as `If-None-Match`, and come back after `Retry-After` seconds. "
            "Or let the reply wait for news.",
            _JOB | _UNCHANGED,
            asked.JOB_ID,
            asked.WAIT,
            asked.IF_NONE_MATCH,
        ),
        "change_job": _operation(
            "change_job",
            "Close the upload, or abort",
            "What has already happened succeeds, so the request may be sent again. An aborted job tells in "
            "`effect` what it did to the table; `pending` until that is proved.",
            _JOB,
            asked.JOB_ID,
            body=asked.CHANGE,
        ),
        "delete_job": _operation(
            "delete_job",
            "Delete an ended job",
            "Its files go at once.",
            _DONE,
            asked.JOB_ID,
        ),
        "upload_url": _operation(
            "upload_url",
            "Where to send the upload",
            "Send the file there by yourself, as often as you like until the job is closed: the last one counts.",
            {200: json("A link that takes one object", "UploadTarget")},
            asked.JOB_ID,
            asked.SIZE,
            asked.EXPIRES_IN,
        ),
        "upload": _operation(
            "upload",
            "Send the upload through this host",
            "It is there whole or not at all. A `Content-Length` that is not kept is refused.",
            _DONE,
            asked.JOB_ID,
            body=asked.BYTES,
        ),
        "results": _operation(
            "results",
            "Links to the results",
            "What an export wrote, in one part or several. May be asked for again when the links have ended.",
            _LINKS,
            asked.JOB_ID,
            asked.EXPIRES_IN,
        ),
        "failed_results": _operation(
            "failed_results",
            "Links to the failed records",
            "The records of a load that were refused, in the upload's order, each with its line, column and reason.",
            _LINKS,
            asked.JOB_ID,
            asked.EXPIRES_IN,
        ),
        "unprocessed_results": _operation(
            "unprocessed_results",
            "Links to the unprocessed records",
            "The records of a load that had no effect, although nothing was found wrong with them.",
            _LINKS,
            asked.JOB_ID,
            asked.EXPIRES_IN,
        ),
        "retry_job": _operation(
            "retry_job",
            "Repeat an ended job",
            "A new job with its own copy of the input, or of the failed records only. Refused where that could "
            "apply a load twice.",
            _NEW,
            asked.JOB_ID,
            asked.IDEMPOTENCY_KEY,
            body=asked.RETRY,
        ),
        "run_query": _operation(
            "run_query",
            "Run a small query",
            "One statement that only reads, answered in the same call. With an idempotency key it runs once, "
            "however often you ask.",
            {200: json("The first rows", "QueryReply")},
            asked.IDEMPOTENCY_KEY,
            body=asked.QUERY,
        ),
        "download": _operation(
            "download",
            "Download by a link",
            "A link is a credential of its own. Here if the files have no server of their own.",
            _SERVED,
            asked.TOKEN,
            *asked.RANGE,
        ),
        "look_at_download": _operation(
            "look_at_download",
            "Look at a download",
            "The headers of the download, without its body.",
            _SERVED,
            asked.TOKEN,
            *asked.RANGE,
        ),
        "upload_by_link": _operation(
            "upload_by_link",
            "Upload by a link",
            "It is there whole or not at all.",
            _DONE,
            asked.TOKEN,
            body=asked.BYTES,
        ),
        "health": Operation(
            summary="Whether this host answers",
            description="Asks nothing of job store or warehouse.",
            responses={200: json("It does", "Health")},
            parameters=(asked.REQUEST_ID,),
        ),
    }
)
"""By the name of the route."""
