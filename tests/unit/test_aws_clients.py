"""Clients of boto3: one for each process, made on first use."""

from __future__ import annotations

import os
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from spectra.adapters.aws.clients import Clients, new_client
from spectra.errors import ClosedError

forks = pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
pytestmark = pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")


class Client:
    def __init__(self) -> None:
        self.closed = 0

    def close(self) -> None:
        self.closed += 1


def test_one_is_made_on_first_use_by_however_many_threads() -> None:
    made = []

    def make() -> Client:
        threading.Event().wait(0.05)
        made.append(Client())
        return made[-1]

    clients = Clients(make, owner="the shop")
    assert not made
    with ThreadPoolExecutor(8) as pool:
        got = {id(client) for client in pool.map(lambda _: clients.client(), range(8))}
    assert got == {id(made[0])} and len(made) == 1
    clients.close()
    clients.close()
    assert made[0].closed == 1 and clients.closed
    with pytest.raises(ClosedError, match="the shop"):
        clients.client()


def test_a_ready_one_is_its_givers_to_close() -> None:
    given = Client()
    clients = Clients(given, owner="the shop")
    assert clients.client() is given
    clients.close()
    assert given.closed == 0
    with pytest.raises(ClosedError):
        clients.check_open()


@forks
def test_after_a_fork_another_is_made_though_a_thread_was_making_one() -> None:
    begun, go_on = threading.Event(), threading.Event()

    def make() -> Client:
        if os.getpid() == parent:
            begun.set()
            go_on.wait(10)
        return Client()

    parent = os.getpid()
    clients = Clients(make, owner="the shop")
    thread = threading.Thread(target=clients.client)
    thread.start()
    begun.wait(10)
    child = os.fork()
    if child == 0:
        # It must not wait for a thread that is not here.
        threading.Timer(5, os._exit, [3]).start()
        os._exit(0 if clients.client() is clients.client() else 1)
    go_on.set()
    thread.join()
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


@forks
def test_a_child_leaves_its_parents_connections_open() -> None:
    clients = Clients(Client, owner="the shop")
    client = clients.client()
    child = os.fork()
    if child == 0:
        clients.close()
        os._exit(client.closed)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_clients_are_made_in_many_threads_at_once() -> None:
    with ThreadPoolExecutor(8) as pool:
        names = ["dynamodb", "s3", "redshift-data"] * 4
        made = list(pool.map(lambda name: new_client(name, "eu-west-1"), names))
    assert [one.meta.service_model.service_name for one in made] == names
