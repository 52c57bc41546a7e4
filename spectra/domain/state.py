"""The states of a job and every edge between them."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final

__all__ = ["TRANSITIONS", "Event", "JobState", "diagram"]


class JobState(StrEnum):
    """Where a job is in its life; the value is the spelling on the wire."""

    OPEN = "Open"
    UPLOAD_COMPLETE = "UploadComplete"
    IN_PROGRESS = "InProgress"
    JOB_COMPLETE = "JobComplete"
    FAILED = "Failed"
    ABORTED = "Aborted"

    __hash__ = str.__hash__  # Enum's own does the same in Python, at every look into a table

    @property
    def is_terminal(self) -> bool:
        """Whether no event ever leaves this state."""
        return not TRANSITIONS[self]


class Event(StrEnum):
    """What moves a job from one state to another."""

    CLOSE_UPLOAD = "close_upload"
    CLAIM = "claim"
    COMPLETE = "complete"
    FAIL = "fail"
    ABORT = "abort"

    __hash__ = str.__hash__


_S, _E = JobState, Event

TRANSITIONS: Final[Mapping[JobState, Mapping[Event, JobState]]] = MappingProxyType(
    {
        _S.OPEN: MappingProxyType({_E.CLOSE_UPLOAD: _S.UPLOAD_COMPLETE, _E.ABORT: _S.ABORTED}),
        _S.UPLOAD_COMPLETE: MappingProxyType({_E.CLAIM: _S.IN_PROGRESS, _E.ABORT: _S.ABORTED}),
        _S.IN_PROGRESS: MappingProxyType(
            {_E.COMPLETE: _S.JOB_COMPLETE, _E.FAIL: _S.FAILED, _E.ABORT: _S.ABORTED}
        ),
        _S.JOB_COMPLETE: MappingProxyType({}),
        _S.FAILED: MappingProxyType({}),
        _S.ABORTED: MappingProxyType({}),
    }
)


def diagram() -> str:
    """Draw `TRANSITIONS` as a Mermaid state diagram; the docs embed exactly this text."""
    lines = ["stateDiagram-v2", "    [*] --> Open: a load", "    [*] --> UploadComplete: an export"]
    for state, edges in TRANSITIONS.items():
        lines += [f"    {state} --> {target}: {event}" for event, target in edges.items()]
        if state.is_terminal:
            lines.append(f"    {state} --> [*]")
    return "\n".join(lines) + "\n"
