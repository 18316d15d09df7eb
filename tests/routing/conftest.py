"""What the tests of this room share."""

from pathlib import Path

import pytest
from tests.routing.desk import Desk


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    """A script of the test's own, and an edge that asks it."""
    return Desk(tmp_path)
