from collections.abc import Iterator

import pytest
from tests.media.in_memory import Call
from tests.native.rtp_peers import Peers, peers

from talkpath._native import Relay


@pytest.fixture
def call() -> Call:
    """A call between a caller and its branches, in memory."""
    return Call()


@pytest.fixture(name="relay")
def a_relay() -> Iterator[Relay]:
    """The real relay."""
    relay = Relay()
    yield relay
    relay.shutdown()


@pytest.fixture(name="peer")
def some_peers() -> Iterator[Peers]:
    """Makes phones on loopback."""
    with peers() as made:
        yield made
