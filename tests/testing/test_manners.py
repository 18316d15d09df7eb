"""How parties behave when they are told to, and what a person can do in a call."""

import pytest

from talkpath.testing import Network
from talkpath.testing.manner import Manner, Mannered


def test_every_manner_is_an_attribute_and_nothing_else_is() -> None:
    assert set(vars(Mannered())) == set(Manner.__annotations__)
    with pytest.raises(TypeError, match="nobody is polite"):
        Mannered(polite=True)


async def test_who_gives_up_stops_the_ringing(network: Network) -> None:
    alice, bob = await network.phone("1001"), await network.phone("1002", rings_s=60)
    call = alice.dial("1002")
    await call.ringing()
    await network.wait(3)
    await call.cancel()
    assert call.status == 487
    assert bob.calls[0].status == 487
    assert bob.calls[0].ended_by == "them"


async def test_who_gives_up_before_it_is_asked_for_its_password(network: Network) -> None:
    alice, bob = await network.phone("1001"), await network.phone("1002")
    call = alice.dial("1002")
    await network.wait(0.001)
    await call.cancel()
    assert call.status == 407
    assert bob.calls == []


async def test_one_user_with_two_phones(network: Network) -> None:
    alice = await network.phone("1001")
    desk, mobile = await network.phone("1002", rings_s=9), await network.phone("1002", rings_s=2)
    call = await alice.call("1002")
    assert call.answered_by(mobile)
    assert set(call.tried) == {desk, mobile}
    await network.wait(1)
    assert desk.calls[0].status == 487


async def test_hold_and_back(network: Network) -> None:
    alice, bob = await network.phone("1001"), await network.phone("1002")
    call = await alice.call("1002")
    held = await call.hold()
    assert held is not None
    assert held.status == 200
    assert bob.calls[0].description.audio.direction == "sendonly"
    await call.resume()
    assert bob.calls[0].description.audio.direction == "sendrecv"
    await network.wait(1)
    assert call.hears


async def test_who_hangs_up_by_itself(network: Network) -> None:
    alice, _ = await network.phone("1001"), await network.phone("1002", hangs_up_s=7)
    call = await alice.call("1002")
    await call.over()
    assert call.ended_by == "them"
    assert call.talked_s == pytest.approx(7, abs=0.1)


async def test_early_media_is_heard_of_before_the_answer(network: Network) -> None:
    alice, _ = await network.phone("1001"), await network.phone("1002", early_media=True)
    call = alice.dial("1002")
    await call.ringing()
    assert call.provisional[-1] == 183
    assert call.codecs
    await call.settled()
    assert call.is_answered


async def test_a_request_within_a_call_reaches_the_other_end(network: Network) -> None:
    alice, bob = await network.phone("1001"), await network.phone("1002")
    call = await alice.call("1002")
    answer = await call.request("INFO", {"Info-Package": "dtmf"}, b"Signal=1\r\n", "application/dtmf-relay")
    assert answer is not None
    assert answer.status == 200
    assert bob.calls[0].received[-1].body == b"Signal=1\r\n"


async def test_a_message_outside_calls(network: Network) -> None:
    alice, bob = await network.phone("1001"), await network.phone("1002")
    answer = await alice.request("MESSAGE", f"sip:1002@{network.domain}", body=b"hello")
    assert answer is not None
    assert answer.status == 200
    assert bob.requests[-1].body == b"hello"


async def test_phones_in_both_families(network: Network) -> None:
    alice, bob = await network.phone("1001", host="2001:db8::7"), await network.phone("1002")
    call = await alice.call("1002")
    assert call.answered_by(bob)
    assert str(call.description.audio.connection).endswith("2001:db8::1")


async def test_registrations_are_refreshed(network: Network) -> None:
    alice, bob = await network.phone("1001"), await network.phone("1002")
    await network.wait(5 * 3600)
    assert (await alice.call("1002")).answered_by(bob)
    await bob.unregister()
    assert not (await alice.call("1002")).is_answered
