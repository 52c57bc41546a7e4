from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.services.house import FAMILIES, TABLE, House


@pytest.fixture(params=FAMILIES)
def family(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def build(family: str, tmp_path: Path) -> Iterator[Callable[..., House]]:
    """Makes houses with the table ``items``; closes them."""
    houses: list[House] = []

    def make(**options: Any) -> House:
        house = House.build(family, tmp_path, **options)
        houses.append(house)
        house.sql(TABLE)
        return house

    yield make
    for house in houses:
        house.close()


@pytest.fixture
def house(build: Callable[..., House]) -> House:
    return build()
