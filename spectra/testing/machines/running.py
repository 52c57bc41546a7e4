"""Running a machine inside a test."""

from __future__ import annotations

from collections.abc import Callable

from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import RuleBasedStateMachine, run_state_machine_as_test

__all__ = ["run_machine"]


def run_machine(
    machine: Callable[[], RuleBasedStateMachine],
    /,
    *,
    steps: int = 50,
    slow: bool = False,
    examples: int | None = None,
) -> None:
    """Run *machine* under the Hypothesis profile in force, but at most *examples* times.

    *slow* runs it once, with few steps.
    """
    chosen = settings(stateful_step_count=steps, deadline=None, suppress_health_check=list(HealthCheck))
    if examples is not None:
        chosen = settings(chosen, max_examples=min(examples, chosen.max_examples))
    if slow:
        chosen = settings(chosen, max_examples=1, stateful_step_count=12, phases=[Phase.generate])
    run_state_machine_as_test(machine, settings=chosen)  # type: ignore[arg-type] # any factory will do
