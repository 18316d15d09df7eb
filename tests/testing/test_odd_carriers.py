"""Carriers that say what nobody expects, written out by a test."""

import pytest

from talkpath.testing import Asked, Network

CARRIERS = """
[[accounts]]
user = "1001"
password = "secret"
outbound = true

[routing]
outbound = "carriers"

[[gateways]]
name = "carrier-a"
address = "203.0.113.20"

[[gateways]]
name = "carrier-b"
address = "203.0.113.30"
priority = 2
"""
pytestmark = pytest.mark.network(toml=CARRIERS)


async def test_one_that_answers_twice_under_two_tags_is_hung_up_once(network: Network) -> None:
    alice, carrier = await network.phone("1001"), network.gateway("carrier-a")

    @carrier.on("INVITE")
    async def twice(asked: Asked) -> None:
        asked.answer(200, tag="one", body=asked.description())
        asked.answer(200, tag="two", body=asked.description())

    call = await alice.call("+4930123")
    await network.wait(1)
    assert call.is_answered
    assert call.ok is not None
    assert call.ok.to_tag == "one"
    ended = [request.to_tag for request in carrier.requests if request.method == "BYE"]
    assert ended == ["two"]


async def test_one_that_loops_the_call_back_is_left_for_the_next(network: Network) -> None:
    alice, second = await network.phone("1001"), network.gateway("carrier-b")
    carrier = network.gateway("carrier-a")

    @carrier.on("INVITE")
    async def looped(asked: Asked) -> None:
        back = await carrier.call("+4930123")
        asked.answer(503 if back.status >= 400 else 200)

    call = await alice.call("+4930123")
    assert call.answered_by(second)
    assert [one.status for one in carrier.calls] == [404]


async def test_one_that_rings_and_then_loses_its_line(network: Network) -> None:
    alice, second = await network.phone("1001"), network.gateway("carrier-b")
    carrier = network.gateway("carrier-a")

    @carrier.on("INVITE")
    async def lost(asked: Asked) -> None:
        asked.answer(180)
        await network.wait(2)
        asked.answer(503)

    call = await alice.call("+4930123")
    assert call.answered_by(second)
    assert call.provisional.count(180) == 2
