"""What the mapping from HTTP to services does with time."""

from __future__ import annotations

import io
import json
import math
import time

import pytest

from spectra import Caller, LoadSpec, Spectra
from spectra.hosts.http import ROUTES, Api, Request
from spectra.hosts.http.reading import seconds

ME = Caller("tenant-1")


def route(name):
    return next(route for route in ROUTES if route.name == name)


@pytest.fixture
def job():
    with Spectra.in_memory() as spectra:
        yield spectra, spectra.jobs.create(ME, LoadSpec(operation="insert", object="t")).job


def test_a_request_waits_no_longer_than_its_host_can(job):
    spectra, made = job
    request = Request(method="GET", query=[("wait", "30")], patience=0.7)
    pauses = []

    def sleep(pause):
        pauses.append(pause)
        time.sleep(pause)

    reply = Api(spectra).begin(route("read_job"), request, {"job_id": made.job_id}, ME).response(sleep)
    assert reply.status == 200
    assert 0.5 <= math.fsum(pauses) <= 0.7


def test_a_host_without_patience_answers_at_once(job):
    spectra, made = job
    request = Request(method="GET", query=[("wait", "30")], patience=-4.0)
    reply = Api(spectra).begin(route("read_job"), request, {"job_id": made.job_id}, ME).step()
    assert reply.status == 200


@pytest.mark.parametrize("text", ["5e-324", "0.0000001", "0.5"])
def test_more_than_no_time_is_some_time(text):
    assert seconds({"expires_in": [text]}, "expires_in").total_seconds() >= float(text) > 0


@pytest.mark.parametrize("text", ["20", "20.0", "2e1", "20.000000000000000000000000"])
def test_a_number_without_a_fraction_is_whole_however_it_is_spelled(text):
    """So says JSON Schema; some languages have one kind of number only."""
    with Spectra.in_memory() as spectra:
        api = Api(spectra)
        made = answer(
            api,
            "create_job",
            f'{{"operation": "insert", "object": "t", "max_failed_records": {text}}}',
        )
        assert (made.status, json.loads(made.body)["max_failed_records"]) == (201, 20)
        asked = answer(api, "run_query", f'{{"sql": "select 1 as one", "limit": {text}}}')
        assert json.loads(asked.body)["data"] == [{"one": 1}]


@pytest.mark.parametrize("text", ["20.5", "1e400", "1e999999999", "-1.0", '"20"', "true"])
def test_what_is_no_count_is_refused(text):
    with Spectra.in_memory() as spectra:
        api = Api(spectra)
        made = answer(
            api, "create_job", f'{{"operation": "insert", "object": "t", "max_failed_records": {text}}}'
        )
        assert (made.status, json.loads(made.body)["error"]["details"]) == (
            400,
            {"field": "max_failed_records"},
        )
        asked = answer(api, "run_query", f'{{"sql": "select 1", "limit": {text}}}')
        assert (asked.status, json.loads(asked.body)["error"]["details"]) == (400, {"field": "limit"})


def answer(api, name, body):
    request = Request(
        method="POST", headers={"content-type": "application/json"}, body=io.BytesIO(body.encode())
    )
    return api.begin(route(name), request, {}, ME).response()
