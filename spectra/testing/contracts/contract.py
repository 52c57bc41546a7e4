"""What all contracts have in common: they cannot be bent, and they say what they leave out."""

from __future__ import annotations

from collections.abc import Collection
from enum import StrEnum
from typing import ClassVar, Literal, TypeAlias

import pytest

__all__ = ["Contract", "Lack", "Profile"]

Profile: TypeAlias = Literal["full", "slow"]


class Lack(StrEnum):
    """What an adapter may openly lack. The value is the reason that a skipped test gives.

    An executor's lack is proved: its `check` must refuse what it is declared to lack.
    """

    CURRENT_INDEXES = "due, live and backlog lag behind the writes by up to ten seconds"
    UPDATE = "it cannot run update loads"
    UPSERT = "it cannot run upsert loads"
    DELETE = "it cannot run delete loads"
    JSON_EXPORTS = "it cannot export JSON lines"
    JSON_LOADS = "it cannot load JSON lines"
    GZIP = "it cannot read or write gzip"
    SET_ASIDE = "it cannot set failed records aside: any bad record fails the load"
    HOSTED_CLOCK = "its links are checked against a clock that the tests cannot see"


class Contract:
    """Subclass a contract as ``Test…`` and override its one fixture, nothing else.

    *lacks* declares what the adapter cannot do: these tests are skipped, and the summary says so.
    *profile* ``"slow"`` is for backends that are slow or send bills: fewer and smaller trials.
    *examples* bounds how often the contract's machine runs; None: as often as the Hypothesis profile says.

    Overriding a test of the contract is a `TypeError`: an adapter that needs it does not keep the
    promise, or the contract asks for more than the port promises, which is a bug worth reporting.
    """

    lacks: ClassVar[Collection[Lack]] = frozenset()
    profile: ClassVar[Profile] = "full"
    examples: ClassVar[int | None] = None

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        # What counts is what pytest will run: a test may be hidden by a mixin as well as by the class.
        owners: dict[str, type] = {}
        for base in cls.__mro__:
            for name in vars(base):
                if not name.startswith("test_"):
                    continue
                owner = owners.setdefault(name, base)
                if owner is not base and base.__module__.startswith("spectra.testing."):
                    raise TypeError(
                        f"{owner.__name__} overrides {name} of {base.__name__}; declare `lacks` instead"
                    )
        if unknown := [one for one in cls.lacks if not isinstance(one, Lack)]:
            raise TypeError(f"{cls.__name__}.lacks has {unknown!r}, which are no members of Lack")

    def leave_out(self, request: pytest.FixtureRequest, reason: str) -> None:
        """Skip the running test, and see to it that the summary gives *reason*."""
        reporter = request.config.pluginmanager.get_plugin("terminalreporter")
        if reporter is not None and "s" not in reporter.reportchars:
            reporter.reportchars += "s"
        pytest.skip(f"{type(self).__name__}: {reason}")

    def needs(self, request: pytest.FixtureRequest, *abilities: Lack) -> None:
        """Skip the running test if one of *abilities* is declared to be lacking."""
        for lack in abilities:
            if lack in self.lacks:
                self.leave_out(request, f"declared lack: {lack.value}")
