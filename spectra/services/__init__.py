"""The services: what hosts call. They know the ports, and no adapter."""

from spectra.services.driving import Driver
from spectra.services.ending import Ender
from spectra.services.events import EventLog, JobEvent, Listener
from spectra.services.facts import EVENTS, FACTS
from spectra.services.jobs import Created, JobService
from spectra.services.queries import QueryService
from spectra.services.results import ResultPart, Results
from spectra.services.sweeper import Sweeper
from spectra.services.waiting import Waiting
from spectra.services.worker import Round, Worker

__all__ = [
    "EVENTS",
    "FACTS",
    "Created",
    "Driver",
    "Ender",
    "EventLog",
    "JobEvent",
    "JobService",
    "Listener",
    "QueryService",
    "ResultPart",
    "Results",
    "Round",
    "Sweeper",
    "Waiting",
    "Worker",
]
