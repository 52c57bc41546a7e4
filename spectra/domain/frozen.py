"""A mapping for frozen classes: compared by value, hashable, and not changed by accident."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, TypeVar

__all__ = ["EMPTY", "FrozenDict", "frozen_dict"]

_V = TypeVar("_V")


class FrozenDict(dict[str, _V]):
    """A dict whose methods of change raise `TypeError`."""

    def _refuse(self, *_: object, **__: object) -> Any:
        raise TypeError("this mapping does not change; make a new one")

    __setitem__ = __delitem__ = __ior__ = update = clear = pop = setdefault = popitem = _refuse

    def __hash__(self) -> int:  # type: ignore[override]
        return hash(tuple(sorted((name, repr(value)) for name, value in self.items())))

    def __reduce__(self) -> tuple[Any, ...]:
        return (FrozenDict, (dict(self),))


def frozen_dict(value: Mapping[str, Any]) -> FrozenDict[Any]:
    """An attrs converter."""
    return value if isinstance(value, FrozenDict) else FrozenDict(value)


EMPTY: Final[FrozenDict[Any]] = FrozenDict()
