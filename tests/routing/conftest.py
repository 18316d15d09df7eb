"""What the tests of this room share."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.routing.desk import Desk
from tests.routing.house import House


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    """A script of the test's own, and an edge that asks it."""
    return Desk(tmp_path)


@pytest.fixture
async def house(desk: Desk) -> AsyncIterator[House]:
    """The same on a whole edge with phones."""
    house = House(desk)
    yield house
    house.router.close()
