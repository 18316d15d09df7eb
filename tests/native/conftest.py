from collections.abc import Iterator

import pytest
from tests.native.rtp_peers import Peers, peers

from talkpath._native import Relay


@pytest.fixture(name="relay", params=[1, 3], ids=["one worker", "three workers"])
def a_relay(request: pytest.FixtureRequest) -> Iterator[Relay]:
    relay = Relay(workers=request.param)
    yield relay
    relay.shutdown()


@pytest.fixture(name="peer")
def some_peers() -> Iterator[Peers]:
    with peers() as made:
        yield made
