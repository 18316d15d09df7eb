"""Whole calls on the network of `talkpath.testing`: who answers, when, and who hears whom."""

import pytest

from talkpath.testing import Network, Phone


@pytest.fixture
async def alice(network: Network) -> Phone:
    return await network.phone("1001")


async def test_a_fixture_of_the_network_is_made_on_its_loop(network: Network, alice: Phone) -> None:
    assert (await alice.call("echo")).is_answered


async def test_a_phone_picks_up_and_both_hear_each_other(network: Network) -> None:
    alice, bob = await network.phone("1001"), await network.phone("1002", rings_s=3)
    call = await alice.call("1002")
    await network.wait(0.1)
    assert call.answered_by(bob)
    assert call.seconds == pytest.approx(3.06)
    assert call.hears
    assert bob.calls[0].hears


async def test_a_busy_phone(network: Network) -> None:
    alice, bob = await network.phone("1001"), await network.phone("1002", status=486)
    call = await alice.call("1002")
    assert (call.status, call.reason) == (486, "Busy Here")
    assert call.tried == [bob]
    assert not call.hears


class TestInAClass:
    async def test_a_method_runs_on_the_loop_too(self, network: Network) -> None:
        alice = await network.phone("1001")
        call = await alice.call("echo")
        await network.wait(1)
        assert call.is_answered
        assert call.hears
