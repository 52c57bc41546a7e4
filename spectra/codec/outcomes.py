"""What an applied load came to, as the text that its ledger row keeps."""

from __future__ import annotations

import json
from typing import Any

import attrs

from spectra.domain import Column, Counts, Files, Part, Upload
from spectra.ports import Execution, Status

__all__ = ["read", "written"]


def written(execution: Execution) -> str:
    """Counts, failed records and warnings of a load, as JSON."""
    return json.dumps(
        {
            "counts": _facts(execution.counts),
            "failed_records": _facts(execution.failed_records),
            "rejected_input": _facts(execution.rejected_input),
            "warnings": list(execution.warnings),
        }
    )


def read(text: str, handle: str | None = None) -> Execution:
    """The execution that *text* was written of."""
    facts = json.loads(text)
    upload = facts["rejected_input"]
    return Execution(
        status=Status.SUCCEEDED,
        handle=handle,
        counts=Counts(**facts["counts"]),
        failed_records=_files(facts["failed_records"]),
        rejected_input=None if upload is None else Upload(**upload),
        warnings=tuple(facts["warnings"]),
    )


def _facts(value: Any) -> Any:
    return None if value is None else attrs.asdict(value)


def _files(facts: dict[str, Any] | None) -> Files | None:
    if facts is None:
        return None
    parts = tuple(Part(**part) for part in facts.pop("parts"))
    columns = tuple(Column(**column) for column in facts.pop("columns"))
    return Files(parts=parts, columns=columns, **facts)
