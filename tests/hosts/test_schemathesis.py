"""Generated requests to the FastAPI host: no fault of the server, no reply that the document does not allow.

``SPECTRA_THOROUGH=1`` generates more than ten thousand; otherwise it is some hundreds.
"""

from __future__ import annotations

import itertools
import os
from collections import Counter
from datetime import timedelta

import pytest
import schemathesis
from fastapi import FastAPI
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.checks import CHECKS, load_all_checks

from spectra import Caller, ExportSpec, FixedInterval, LoadSpec, Spectra
from spectra.hosts.fastapi import router
from spectra.hosts.http import ROUTES

THOROUGH = bool(os.environ.get("SPECTRA_THOROUGH"))
CASES = 400 if THOROUGH else 6
CHAINS = 250 if THOROUGH else 4
ME = Caller("tenant-1")
# They take any text for a link, or nothing at all.
NEVER_WRONG = {"download", "look_at_download", "upload_by_link", "health"}
load_all_checks()
ACCEPTANCE = CHECKS.get_by_names(["positive_data_acceptance"])


class World:
    """A host, jobs in every state, and what has been asked of it."""

    def __init__(self, home):
        self.spectra = Spectra.embedded(home)
        self.spectra.executor.connect().execute("create table items (id integer primary key)")
        self.statuses = Counter()
        self.me = ME
        app = FastAPI()
        app.include_router(router(self.spectra, caller=lambda: self.me))
        self.schema = schemathesis.openapi.from_asgi("/openapi.json", app)
        refusals = self.schema.config.checks.negative_data_rejection
        refusals.expected_statuses = [*refusals.expected_statuses, "413"]
        self.operations = {
            found.ok().definition.raw["operationId"]: found.ok() for found in self.schema.get_all_operations()
        }
        self.keys = itertools.count()
        self.jobs, self.tokens = [], []

    def fill(self):
        """New jobs: what is generated ends, retries and deletes those that are there."""
        jobs = self.spectra.jobs
        exports = [
            jobs.create(ME, ExportSpec(query=sql)).job for sql in ("select 1 as one", "select error('no')")
        ]
        loads = [
            jobs.create(ME, LoadSpec(operation="insert", object="items", max_failed_records=1)).job
            for _ in range(4)
        ]
        for load, records in zip(loads, (b"id\n1\nx\n", b"id\nx\ny\nz\n", b"id\n7\n"), strict=False):
            with jobs.open_upload(ME, load.job_id) as writer:
                writer.write(records)
        for load in loads[:2]:
            jobs.close_upload(ME, load.job_id)
        jobs.abort(ME, loads[3].job_id)
        for job in (*exports, *loads[:2]):
            jobs.wait(ME, job.job_id, timeout=timedelta(minutes=1), polling=FixedInterval(0.05, first=0.01))
        open_ = jobs.create(ME, LoadSpec(operation="insert", object="items")).job
        self.jobs = [job.job_id for job in (open_, *exports, *loads)]
        self.tokens = [
            jobs.results(ME, exports[0].job_id).parts[0].url,
            jobs.upload_target(ME, open_.job_id).url,
        ]

    def aim(self, case, pick):
        """Make three of four requests ones about something that exists."""
        if pick % 4 == 0 or case.meta.is_negative_at("path"):
            return
        if "job_id" in (case.path_parameters or {}):
            case.path_parameters["job_id"] = self.jobs[pick // 4 % len(self.jobs)]
        if "token" in (case.path_parameters or {}):
            link = self.tokens[(pick % 4 == 1) ^ (case.method == "PUT")]
            case.path_parameters["token"] = link.rpartition("/")[2]

    def make_sense(self, case):
        """Put in what no schema can say: SQL, keys that were not used, what DuckDB has."""
        body = case.body if isinstance(case.body, dict) else {}
        values = body.get("parameters") or {}
        for name in {"query", "sql"} & body.keys():
            body[name] = f"select {', '.join(f':{value} as {value}' for value in values) or '1'}"
        if body.get("compression") == "BZIP2":
            body["compression"] = "ZSTD"
        if body.get("delimiter", ",") in (body.get("null_token") or ""):
            del body["null_token"]
        if "cursor" in (case.query or {}):
            del case.query["cursor"]
        if "Range" in (case.headers or {}):
            case.headers["Range"] = "bytes=0-0"
        if "Idempotency-Key" in (case.headers or {}):
            case.headers["Idempotency-Key"] = f"key-{next(self.keys)}"

    def be_quick(self, case):
        """Wait for next to nothing: others try how long."""
        if isinstance((case.query or {}).get("wait"), int | float):
            case.query["wait"] = min(case.query["wait"], 0.1)

    def count(self, case, reply):
        self.statuses[case.operation.definition.raw["operationId"], reply.status_code] += 1

    def ask(self, case, **validation):
        self.be_quick(case)
        reply = case.call()
        self.count(case, reply)
        case.validate_response(reply, **validation)


@pytest.fixture
def world(tmp_path):
    world = World(tmp_path)
    with world.spectra:
        yield world


def generating(examples):
    return settings(
        max_examples=examples,
        stateful_step_count=20,
        deadline=None,
        database=None,
        derandomize=not THOROUGH,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )


def test_replies_are_as_the_document_says(world):
    """Right requests and wrong ones: every check of schemathesis; of what makes sense also that it is taken.

    One test, since its last lines look at all that was asked.
    """
    with world.spectra.worker(concurrency=2).running():
        for name in world.operations:
            if name in ("create_job", "change_job", "delete_job", "upload"):
                world.fill()  # these use them up
            for mode in GenerationMode.POSITIVE, GenerationMode.NEGATIVE:
                if mode is GenerationMode.POSITIVE or name not in NEVER_WRONG:
                    asking(world, name, mode)()
    print(sum(world.statuses.values()), "requests:", sorted(world.statuses.items()))
    assert sum(world.statuses.values()) > (9_000 if THOROUGH else 120)
    assert not [status for _, status in world.statuses if status >= 500]
    led_to_something = {name for name, status in world.statuses if status < 400}
    assert len(led_to_something) >= (len(ROUTES) if THOROUGH else 12)


def asking(world, name, mode):
    operation = world.operations[name]

    @generating(CASES)
    @given(case=operation.as_strategy(generation_mode=mode), pick=st.integers(0, 255), sense=st.booleans())
    def ask(case, pick, sense):
        world.aim(case, pick)
        if sense and mode is GenerationMode.POSITIVE:
            world.make_sense(case)
            world.ask(case)
        else:
            world.ask(case, excluded_checks=ACCEPTANCE)

    return ask


def test_chains_of_requests(world):
    """What one reply tells, the next request uses: a job's whole life by the document's links."""
    tenants = itertools.count()
    worker = world.spectra.worker()

    class Chain(world.schema.as_state_machine()):
        def setup(self):
            # Each begins with no jobs, and work is done at once: chains are repeated, and must not differ then.
            world.me = Caller(f"chain-{next(tenants)}")

        def call(self, case, **options):
            world.make_sense(case)
            world.be_quick(case)
            reply = super().call(case, **options)
            worker.run_once()
            world.count(case, reply)
            return reply

        def validate_response(self, response, case, **options):
            case.validate_response(response, excluded_checks=ACCEPTANCE, recorder=self.recorder)

    Chain.run(settings=generating(CHAINS))
    print(world.statuses.total(), "requests in chains:", sorted(world.statuses.items()))
    assert world.statuses.total() > (2_000 if THOROUGH else 20)
