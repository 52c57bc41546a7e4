"""What the mapping from HTTP to services does with time."""

from __future__ import annotations

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
