"""What the demos print."""

from __future__ import annotations

from spectra import Job


def say(text: str = "") -> None:
    print(text, flush=True)


def title(number: int, text: str) -> None:
    say(f"\n{number}. {text}\n{'─' * (len(text) + 3)}")


def walk(job: Job) -> None:
    """Print the states that a job went through, its counts and its timing."""
    steps = [str(entry.after) for entry in job.history if entry.event in ("create", "close_upload", "claim")]
    if job.is_terminal:
        steps.append(str(job.state))
    say(f"   {job}")
    say(f"   {' → '.join(dict.fromkeys(steps))}")
    if job.counts is not None:
        c = job.counts
        took = (
            (job.completed_at - (job.started_at or job.created_at)).total_seconds() if job.completed_at else 0
        )
        say(
            f"   {c.total:,} records = {c.succeeded:,} succeeded + {c.failed:,} failed + "
            f"{c.unprocessed:,} unprocessed, in {took:.1f} s"
        )
    for warning in job.warnings:
        say(f"   note: {warning}")
    if job.error is not None:
        say(f"   {job.error.code} ({job.error.category}): {job.error.message}")
        say(f"   at {dict(job.error.details)}; {job.error.advice}")
