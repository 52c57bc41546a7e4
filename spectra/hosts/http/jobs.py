"""Calls about jobs."""

from __future__ import annotations

import time
from typing import Any, Final

from spectra import codec
from spectra.domain import Caller, Job
from spectra.errors import InvalidSpecError
from spectra.hosts.http import reading
from spectra.hosts.http.exchange import Steps
from spectra.hosts.http.links import absolute, results_body, target_body
from spectra.hosts.http.messages import Request, Response, WholeBody, json_response
from spectra.services import Created, JobService

__all__ = [
    "change",
    "create",
    "delete",
    "failed_results",
    "find",
    "read",
    "results",
    "retry",
    "unprocessed_results",
    "upload",
    "upload_url",
]

LONGEST_WAIT: Final = 30.0
_FIRST_LOOK: Final = 0.2
_SELDOMEST_LOOK: Final = 2.0
_BLOCK: Final = 256 * 1024


def create(jobs: JobService, caller: Caller, request: Request) -> Response:
    """Make a job, or give back the one that the idempotency key made."""
    request.parameters()
    fields = request.json()
    labels = reading.labels(fields)
    if "max_failed_records" in fields:
        fields["max_failed_records"] = reading.count(fields["max_failed_records"])
    spec = codec.to_spec(fields)
    return _created(
        request,
        jobs.create(caller, spec, labels=labels, idempotency_key=reading.idempotency_key(request)),
    )


def retry(jobs: JobService, caller: Caller, request: Request, job_id: str) -> Response:
    """Make a new job of an ended one."""
    request.parameters()
    fields = request.json(optional=True)
    only = fields.pop("only", "all")
    if fields or only not in ("all", "failed"):
        raise InvalidSpecError("only", 'must be "all" or "failed", and the only field')
    key = reading.idempotency_key(request)
    return _created(request, jobs.retry(caller, job_id, only=only, idempotency_key=key))


def _created(request: Request, created: Created) -> Response:
    job = created.job
    body = {**codec.to_public(job), "replayed": created.replayed}
    where = f"{request.base_url}/bulk/jobs/{job.job_id}"
    return json_response(200 if created.replayed else 201, body, Location=where, ETag=_etag(job))


def find(jobs: JobService, caller: Caller, request: Request) -> Response:
    """The tenant's jobs, newest first."""
    parameters = request.parameters(
        "state", "operation", "created_after", "created_before", "limit", "cursor"
    )
    limit = reading.whole(parameters, "limit")
    page = jobs.find(caller, **reading.filters(parameters), limit=50 if limit is None else limit)
    return json_response(
        200, {"jobs": [codec.to_public(job) for job in page.items], "next_cursor": page.next_cursor}
    )


def read(jobs: JobService, caller: Caller, request: Request, job_id: str) -> Response | Steps:
    """The job as it is; with ``wait``, once it has ended, or differs from the ETag that the client has."""
    wait = reading.number(request.parameters("wait"), "wait")
    if wait is None:
        return _job(request, jobs.get(caller, job_id))
    if wait > LONGEST_WAIT:
        raise InvalidSpecError("wait", f"must be at most {LONGEST_WAIT:g} seconds; ask again after them")
    if request.patience is not None:
        wait = min(wait, request.patience)
    return _waiting(jobs, caller, request, job_id, wait)


def _waiting(jobs: JobService, caller: Caller, request: Request, job_id: str, wait: float) -> Steps:
    until, pause = time.monotonic() + wait, _FIRST_LOOK
    known = request.header("if-none-match")
    while True:
        job = jobs.get(caller, job_id)
        left = until - time.monotonic()
        news = known is not None and not reading.matches(known, _etag(job))
        if _over(job) or news or left <= 0:
            return _job(request, job)
        yield min(pause, left)
        pause = min(pause * 1.5, _SELDOMEST_LOOK)


def _over(job: Job) -> bool:
    return job.is_terminal and not job.is_settling


def _etag(job: Job) -> str:
    return f'"{job.version}"'


def _job(request: Request, job: Job) -> Response:
    headers = {"ETag": _etag(job)}
    if not _over(job):
        # Who asks seldom while it is young, and ever more seldom later, misses little.
        age = (job.updated_at - job.created_at).total_seconds()
        headers["Retry-After"] = str(round(min(max(age / 10, 2), 30)))
    if reading.matches(request.header("if-none-match"), headers["ETag"]):
        return Response(status=304, headers={**headers, "Cache-Control": "private, no-cache"})
    return json_response(200, codec.to_public(job), **{**headers, "Cache-Control": "private, no-cache"})


def change(jobs: JobService, caller: Caller, request: Request, job_id: str) -> Response:
    """Close the upload, or abort. What has already happened succeeds."""
    request.parameters()
    fields = request.json()
    state, reason = fields.pop("state", None), fields.pop("reason", None)
    if fields:
        raise InvalidSpecError(min(fields)[:64], "cannot be changed; state and reason can")
    if state == "UploadComplete" and reason is None:
        return _job(_unconditional(request), jobs.close_upload(caller, job_id))
    if state == "Aborted":
        return _job(_unconditional(request), jobs.abort(caller, job_id, reason=reason))
    raise InvalidSpecError("state", "must be UploadComplete, or Aborted, which takes a reason")


def _unconditional(request: Request) -> Request:
    return Request(method=request.method, base_url=request.base_url)


def delete(jobs: JobService, caller: Caller, request: Request, job_id: str) -> Response:
    """Forget an ended job."""
    request.parameters()
    jobs.delete(caller, job_id)
    return Response(status=204)


# ---- files --------------------------------------------------------------------------------------------


def upload_url(jobs: JobService, caller: Caller, request: Request, job_id: str) -> Response:
    """Where the client can send the upload by itself."""
    parameters = request.parameters("size", "expires_in")
    target = jobs.upload_target(
        caller,
        job_id,
        size=reading.whole(parameters, "size"),
        expires_in=reading.seconds(parameters, "expires_in"),
    )
    return json_response(200, target_body(request, target))


def upload(jobs: JobService, caller: Caller, request: Request, job_id: str) -> Response:
    """Take the upload through this host."""
    request.parameters()
    if request.length is not None and request.length > jobs.uploads.max_bytes:
        jobs.upload_target(caller, job_id, size=request.length)  # says what is wrong before it is read
    with jobs.open_upload(caller, job_id) as writer:
        body = WholeBody(request)
        while block := body.read(_BLOCK):
            writer.write(block)
    return Response(status=204)


def results(jobs: JobService, caller: Caller, request: Request, job_id: str) -> Response:
    """Links to what an export wrote."""
    return _links(request, jobs.results, caller, job_id)


def failed_results(jobs: JobService, caller: Caller, request: Request, job_id: str) -> Response:
    """Links to the records that were refused."""
    return _links(request, jobs.failed_records, caller, job_id)


def unprocessed_results(jobs: JobService, caller: Caller, request: Request, job_id: str) -> Response:
    """Links to the records without effect."""
    return _links(request, jobs.unprocessed_records, caller, job_id)


def _links(request: Request, ask: Any, caller: Caller, job_id: str) -> Response:
    expires_in = reading.seconds(request.parameters("expires_in"), "expires_in")
    found = ask(caller, job_id, expires_in=expires_in)
    return json_response(200, results_body(found, lambda url: absolute(request, url)))
