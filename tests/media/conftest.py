import pytest
from tests.media.in_memory import Call


@pytest.fixture
def call() -> Call:
    """A call between a caller and its branches, in memory."""
    return Call()
