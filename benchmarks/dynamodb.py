"""What a call of `DynamoDBJobStore` costs against the same call on a bare boto3 client, on DynamoDB Local.

The bare calls send what the store has sent: its own requests are recorded, and sent again with other keys.
Both sides take turns call by call, so that the machine's other work meets both. Run
``python -m benchmarks.dynamodb``; half a minute.
"""

from __future__ import annotations

import random
import statistics
import uuid
from collections.abc import Callable, Iterator
from typing import Any

from benchmarks.bare import Recorder, timed
from spectra.adapters.aws.dynamodb import DynamoDBJobStore
from spectra.adapters.aws.dynamodb.table import create_table
from spectra.domain import Counts, ExportSpec, Job, Retention
from spectra.ports import SystemClock, new_job_id
from spectra.testing.dynamodb import local_dynamodb

BAR = 1.15
ROUNDS = 400
QUERY = ("select " + ", ".join(f"s.column_{n}" for n in range(30)) + " from sales s where s.year = 2026")[
    :480
]


def job() -> Job:
    return Job.new(
        tenant_id="tenant-123",
        job_id=new_job_id(),
        spec=ExportSpec(query=QUERY, compression="GZIP"),
        at=SystemClock().now(),
        retention=Retention(),
        actor="alice",
    )


def moved(value: Any, old: str, new: str) -> Any:
    """*value* with one job id in place of another."""
    if isinstance(value, dict):
        return {name: moved(one, old, new) for name, one in value.items()}
    if isinstance(value, list):
        return [moved(one, old, new) for one in value]
    return value.replace(old, new) if isinstance(value, str) else value


class Sides:
    """The store and the bare client, each with its own job, one step after the other."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self._recorder = Recorder(client)
        self.store = DynamoDBJobStore("jobs", client=self._recorder)
        self.times: dict[str, tuple[list[float], list[float]]] = {}

    def turn(self, what: str, call: Callable[[Job], Any], states: list[Job], other: str) -> None:
        """Take the step *call* with three jobs: untimed, to record it, and then timed, by store and by client."""
        warm, mine = states
        self._recorder.calls.clear()
        after = call(warm)
        name, _, asked = self._recorder.calls[-1]
        asked = moved(asked, warm.job_id, other)
        if "ClientRequestToken" in asked:
            asked["ClientRequestToken"] = str(uuid.uuid4())
        bare = getattr(self._client, name)
        sides = [lambda: call(mine), lambda: bare(**asked)]
        times = self.times.setdefault(what, ([], []))
        for side in random.sample((0, 1), 2):
            spent, answer = timed(sides[side])
            times[side].append(spent)
            if isinstance(answer, Job):
                states[:] = [after, answer]
            del answer  # or the other side would work beside what this one has left behind


def run() -> Iterator[tuple[str, float, float]]:
    """Each call, its time over that of the bare call, and the bar."""
    kept = Retention()
    with local_dynamodb() as server:
        client = server.client(total_max_attempts=1)
        create_table(client, "jobs")
        sides = Sides(client)
        store = sides.store
        for _ in range(ROUNDS):
            states, other, now = [job(), job()], new_job_id(), SystemClock().now()
            until = now + kept.run
            claim = lambda one: one.claim(at=now, worker="w", until=until, retention=kept)
            renew = lambda one: one.renew(at=now, worker="w", until=until)
            done = lambda one: one.complete(at=now, retention=kept, counts=Counts(total=1, succeeded=1))
            for what, call in {
                "add": lambda one: store.add(one).job,
                "get": lambda one: store.get(one.tenant_id, one.job_id),
                "replace, with a place": lambda one: store.replace(one, claim(one), limit=3_000),
                "replace": lambda one: store.replace(one, renew(one)),
                "replace, giving the place back": lambda one: store.replace(one, done(one)),
            }.items():
                sides.turn(what, call, states, other)
        for _ in range(60):
            sides.turn("find, a page of 50", lambda one: store.find(one.tenant_id), states, other)
        assert len(store.find("tenant-123").jobs) == 50
        store.close()
    for what, (ours, bare) in sides.times.items():
        yield what, statistics.median(ours) / statistics.median(bare), BAR


if __name__ == "__main__":
    for what, ratio, bar in run():
        print(f"{what:40} {ratio:5.2f} of {bar}")
