from collections.abc import Iterator

import pytest
from tests.native.rtp_peers import Peers, peers

from talkpath._native import Relay


@pytest.fixture(name="relay", params=[1, 3, "kernel"], ids=["one worker", "three workers", "in the kernel"])
def a_relay(request: pytest.FixtureRequest) -> Iterator[Relay]:
    """In the kernel from the third packet of a stream on, where we may."""
    relay = Relay(kernel=True, steady=1) if request.param == "kernel" else Relay(workers=request.param)
    yield relay
    relay.shutdown()


@pytest.fixture(name="peer")
def some_peers() -> Iterator[Peers]:
    with peers() as made:
        yield made
