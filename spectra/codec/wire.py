"""What a tenant may see of a job, and how a tenant asks for one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs

from spectra.codec.documents import instant
from spectra.domain import Effect, ExportSpec, Job, JobError, LoadSpec, Operation, Spec
from spectra.errors import InvalidSpecError

__all__ = ["to_public", "to_public_error", "to_spec"]


def to_public(job: Job, /) -> dict[str, Any]:
    """The job as its tenant sees it: no session, no lease, no handle, no place in the host's file system.

    ``number_records_processed`` is progress while InProgress, succeeded + failed afterwards.
    ``result_location`` is the manifest's, where tenants could reach it by themselves (``s3://``).
    """
    spec, counts, progress = job.spec, job.counts, job.progress
    processed = progress.records if progress else 0
    if counts is not None:
        processed = counts.succeeded + counts.failed
    manifest = job.results.manifest if job.results else None
    public: dict[str, Any] = {
        "schema": 1,
        "job_id": job.job_id,
        "tenant_id": job.tenant_id,
        "state": str(job.state),
        "operation": str(job.operation),
        "object": spec.object,
        "content_type": str(spec.content_type),
        "compression": str(spec.compression),
        "created_at": instant(job.created_at),
        "updated_at": instant(job.updated_at),
        "started_at": instant(job.started_at) if job.started_at else None,
        "completed_at": instant(job.completed_at) if job.completed_at else None,
        "number_records_processed": processed,
        "number_records_failed": counts.failed if counts else 0,
        "number_records_unprocessed": counts.unprocessed if counts else 0,
        "number_records_total": counts.total if counts else None,
        "result_location": manifest if manifest and manifest.startswith("s3://") else None,
        "error": to_public_error(job.error) if job.error else None,
        "last_error": to_public_error(job.last_error) if job.last_error else None,
        "ttl": instant(job.ttl) if job.ttl else None,
        "progress": {"records": progress.records, "percent": progress.percent} if progress else None,
        "attempt": job.attempt,
        "retry_of": job.retry_of,
        "abort": _abort(job),
        "effect": str(job.effect) if job.effect else None,
        "warnings": list(job.warnings),
        "labels": dict(job.labels),
    }
    if isinstance(spec, ExportSpec):
        public["query"] = spec.query
    else:
        public |= {
            "key_columns": list(spec.key_columns),
            "max_failed_records": spec.max_failed_records,
            "on_duplicate_key": str(spec.on_duplicate_key),
            "on_missing_key": str(spec.on_missing_key),
        }
    return public


def to_public_error(error: JobError, /) -> dict[str, Any]:
    """A job's error: code, category, retryable, message, advice, details."""
    return {
        "code": error.code,
        "category": str(error.category),
        "retryable": error.retryable,
        "message": error.message,
        "advice": error.advice,
        "details": dict(error.details),
    }


def _abort(job: Job) -> dict[str, Any] | None:
    info = job.abort_info
    if info is None:
        return None
    return {
        "reason": info.reason,
        "actor": info.actor,
        "code": info.code,
        "effect": str(job.effect or Effect.NONE),
    }


def to_spec(request: Mapping[str, Any], /) -> Spec:
    """Read the body of a create request.

    ``external_id_field`` is accepted for ``key_columns``.

    Raises:
        InvalidSpecError: a field is unknown, missing or wrong.
    """
    fields = dict(request)
    operation = fields.pop("operation", None)
    if operation is None:
        raise InvalidSpecError("operation", f"is missing; one of {', '.join(Operation)}")
    if not isinstance(operation, str) or operation not in set(Operation):
        raise InvalidSpecError("operation", f"must be one of {', '.join(Operation)}")
    if "external_id_field" in fields:
        if "key_columns" in fields:
            raise InvalidSpecError("external_id_field", "and key_columns mean the same; send one of them")
        fields["key_columns"] = fields.pop("external_id_field")
    if "key_columns" in fields:
        keys = fields["key_columns"]
        names = [keys] if isinstance(keys, str) else keys
        if not isinstance(names, list | tuple) or not all(isinstance(name, str) for name in names):
            raise InvalidSpecError("key_columns", "must be a list of column names")
        fields["key_columns"] = tuple(names)
    kind = ExportSpec if operation == Operation.QUERY else LoadSpec
    if kind is LoadSpec:
        fields["operation"] = operation
    known = {field.name: field for field in attrs.fields(kind)}
    for name in fields:
        if name not in known:
            raise InvalidSpecError(str(name), f"is not a field of operation {operation}")
    for name, field in known.items():
        if field.default is attrs.NOTHING and name not in fields:
            raise InvalidSpecError(name, f"is needed for operation {operation}")
    if "parameters" in fields and not isinstance(fields["parameters"], Mapping):
        raise InvalidSpecError("parameters", "must be an object of names and values")
    return kind(**fields)
