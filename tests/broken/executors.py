"""Executors that each break one promise; `test_broken_adapters.py` sees to it that each is caught by its number."""

from __future__ import annotations

from spectra.testing import ExecutorContract
from tests.broken import duckdb_executors as duck
from tests.broken import memory_executors as memory
from tests.broken.local import SessionLeft, WithUsers, on_duckdb, on_memory

# ---- EX1: starting --------------------------------------------------------------------------------


class TestStartWaits(ExecutorContract):
    breaks = "EX1"
    profile = "slow"
    harness = on_duckdb(duck.StartWaits)


class TestStartRunsAgain(ExecutorContract):
    breaks = "EX1"
    profile = "slow"
    harness = on_memory(memory.StartRunsAgain)


class TestStartGivesAnotherHandle(ExecutorContract):
    breaks = "EX1"
    profile = "slow"
    harness = on_memory(memory.StartGivesAnotherHandle)


# ---- EX2: polling ---------------------------------------------------------------------------------


class TestPollWaitsForTheEnd(ExecutorContract):
    breaks = "EX2"
    profile = "slow"
    harness = on_memory(memory.PollWaitsForTheEnd)


class TestPollTellsOnce(ExecutorContract):
    breaks = "EX2"
    profile = "slow"
    harness = on_duckdb(duck.PollTellsOnce)


class TestPollNeedsTheHandle(ExecutorContract):
    breaks = "EX2"
    profile = "slow"
    harness = on_memory(memory.PollNeedsTheHandle)


# ---- EX3: exports ---------------------------------------------------------------------------------


class TestAttemptsShareAFolder(ExecutorContract):
    breaks = "EX3"
    profile = "slow"
    harness = on_memory(memory.AttemptsShareAFolder)


class TestNullIsEmpty(ExecutorContract):
    breaks = "EX3"
    profile = "slow"
    harness = on_duckdb(duck.NullIsEmpty)


class TestParametersInTheText(ExecutorContract):
    breaks = "EX3"
    profile = "slow"
    harness = on_memory(memory.ParametersInTheText)


# ---- EX4: loads -----------------------------------------------------------------------------------


class TestNoLedger(ExecutorContract):
    breaks = "EX4"
    profile = "slow"
    harness = on_memory(memory.NoLedger)


class TestCommitsInBatches(ExecutorContract):
    breaks = "EX4"
    profile = "slow"
    harness = on_duckdb(duck.CommitsInBatches)


# ---- EX5: failed records --------------------------------------------------------------------------


class TestFailedOutOfOrder(ExecutorContract):
    breaks = "EX5"
    profile = "slow"
    harness = on_memory(memory.FailedOutOfOrder)


class TestLinesFromZero(ExecutorContract):
    breaks = "EX5"
    profile = "slow"
    harness = on_memory(memory.LinesFromZero)


class TestFailedByNumberOnly(ExecutorContract):
    breaks = "EX5"
    profile = "slow"
    harness = on_memory(memory.FailedByNumberOnly)


class TestBudgetOneMore(ExecutorContract):
    breaks = "EX5"
    profile = "slow"
    harness = on_duckdb(duck.BudgetOneMore)


class TestBudgetOneLess(ExecutorContract):
    breaks = "EX5"
    profile = "slow"
    harness = on_memory(memory.BudgetOneLess)


class TestFailedNotReported(ExecutorContract):
    breaks = "EX5"
    profile = "slow"
    harness = on_duckdb(duck.FailedNotReported)


# ---- EX6: cancelling ------------------------------------------------------------------------------


class TestNoneTooEarly(ExecutorContract):
    breaks = "EX6"
    profile = "slow"
    harness = on_memory(memory.NoneTooEarly)


class TestCancelledGoesOn(ExecutorContract):
    breaks = "EX6"
    also = {"EX9"}  # what goes on cannot be forgotten
    profile = "slow"
    harness = on_memory(memory.CancelledGoesOn)


class TestCancelLeavesTheRowOpen(ExecutorContract):
    breaks = "EX6"
    profile = "slow"
    harness = on_duckdb(duck.CancelLeavesTheRowOpen)


# ---- EX7: sessions --------------------------------------------------------------------------------


class TestSessionLeft(ExecutorContract):
    breaks = "EX7"
    profile = "slow"
    harness = on_duckdb(SessionLeft, WithUsers)


# ---- EX9: check, known, forget --------------------------------------------------------------------


class TestForgetsNothing(ExecutorContract):
    breaks = "EX9"
    profile = "slow"
    harness = on_memory(memory.ForgetsNothing)


class TestKnownTwice(ExecutorContract):
    breaks = "EX9"
    profile = "slow"
    harness = on_duckdb(duck.KnownTwice)


class TestCheckLetsEverythingThrough(ExecutorContract):
    breaks = "EX9"
    profile = "slow"
    harness = on_memory(memory.CheckLetsEverythingThrough)


class TestCheckLetsBzip2Through(ExecutorContract):
    breaks = "EX9"
    profile = "slow"
    harness = on_duckdb(duck.CheckLetsBzip2Through)
