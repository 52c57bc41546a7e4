"""Whose jobs are due in SQLite: the walk from tenant to tenant finds whom a look at each of them finds."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spectra.adapters.embedded import SQLiteJobStore
from spectra.adapters.embedded import job_store_due as queue
from spectra.adapters.embedded.job_store_schema import to_ms
from spectra.testing.samples import after, claimed, completed, export

TENANTS = ["0", "A", "a", "a-b", "a.b", "a_b", "aa", "b", "z", "z" * 128]
KINDS = ["waits", "runs", "ended"]
PLACES = st.sampled_from(["", *TENANTS, "a-", "m", "zz"])


def job(tenant: str, number: int, kind: str, seconds: int):
    due_at = after(100 + seconds)
    made = export(f"j{number}", tenant)
    if kind == "waits":
        return made.evolved(due_at=due_at)
    running = claimed(made)
    return (running if kind == "runs" else completed(running)).evolved(due_at=due_at)


@given(
    jobs=st.lists(
        st.tuples(st.sampled_from(TENANTS), st.sampled_from(KINDS), st.integers(-2, 2)), max_size=25
    ),
    begin=PLACES,
    count=st.integers(1, 12),
    few=st.sampled_from([0, 5, 256]),
)
def test_the_next_tenants_of_the_circle(jobs, begin, count, few, tmp_path_factory) -> None:
    with (
        pytest.MonkeyPatch.context() as patch,
        SQLiteJobStore(tmp_path_factory.mktemp("due") / "jobs.db") as store,
    ):
        patch.setattr(queue, "_FEW", few)
        for number, (tenant, kind, seconds) in enumerate(jobs):
            store.add(job(tenant, number, kind, seconds))
        with store._db.reading() as connection:
            found = queue.due_tenants(connection, now=to_ms(after(100)), after=begin, count=count)
    due = sorted({tenant for tenant, _, seconds in jobs if seconds <= 0})
    circle = [one for one in due if one > begin] + [one for one in due if one <= begin]
    assert list(found) == circle[:count]
