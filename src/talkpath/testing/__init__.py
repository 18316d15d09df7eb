"""Tests of a routing script and a configuration: whole calls through the real edge, in memory and in no time.

    async def test_somebody_picks_up(network):
        alice, bob = await network.phone("1001"), await network.phone("1002", rings_s=3)
        call = await alice.call("1002")
        assert call.answered_by(bob) and call.seconds > 3

`network` is a fixture of the pytest plugin that comes with talkpath; docs/guide/testing.md shows the rest.
"""

from talkpath.testing.answering import Asked
from talkpath.testing.browser import Browser
from talkpath.testing.call import Call
from talkpath.testing.loop import NothingHappens, VirtualLoop, run
from talkpath.testing.network import Network
from talkpath.testing.party import Party
from talkpath.testing.phone import Gateway, NotRegistered, Phone, Stranger
from talkpath.testing.wire import Nat, Path

__all__ = [
    "Asked",
    "Browser",
    "Call",
    "Gateway",
    "Nat",
    "Network",
    "NotRegistered",
    "NothingHappens",
    "Party",
    "Path",
    "Phone",
    "Stranger",
    "VirtualLoop",
    "run",
]
