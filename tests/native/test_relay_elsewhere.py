"""A peer that sends from elsewhere than it announced is heard when nothing else can be it; attackers are not."""

import time

import pytest
from tests.native.rtp_peers import PCMA, Peer, Peers, rtcp, rtp, until
from tests.native.test_relay_strangers import Call

from talkpath._native import Elsewhere, FirstHeard, Latched, Received, Relay

SIGNALLING = "127.0.0.7"
# Longer than the relay waits for the announced address.
PATIENCE_S = 2.6
PACKET_S = 0.04


@pytest.fixture(name="call")
def a_call(relay: Relay, peer: Peers) -> Call:
    return Call(relay, peer)


def expect(call: Call, announced: Peer) -> None:
    call.relay.expect(call.port, rtp=announced.address, formats=PCMA, kin=SIGNALLING)


def talk(call: Call, *speakers: Peer, seconds: float = PATIENCE_S, first: int = 0) -> list[bytes]:
    """All of them talk at once; what comes out on the other side."""
    for number in range(first, first + round(seconds / PACKET_S)):
        for speaker in speakers:
            speaker.send(call.port, rtp(number, ssrc=speaker.address[1]))
        time.sleep(PACKET_S)
    heard = []
    while not call.bob.has_nothing():
        heard.append(call.bob.receive()[0])
    return heard


def sources(heard: list[bytes]) -> set[int]:
    return {int.from_bytes(packet[8:12], "big") for packet in heard}


@pytest.mark.parametrize("host", ["127.0.0.1", SIGNALLING])
def test_asymmetric_rtp_is_heard_and_answered_where_it_was_announced(call: Call, peer: Peers, host: str) -> None:
    announced, sender = peer(), peer(host)
    expect(call, announced)
    assert sources(talk(call, sender)) == {sender.address[1]}
    events = [one for one in call.relay.events() if isinstance(one, Elsewhere | FirstHeard)]
    assert [type(one) for one in events] == [Elsewhere, FirstHeard]
    assert events[0].source == sender.address
    call.bob.send(call.far, rtp(99, ssrc=5))
    assert announced.receive()[0] == rtp(99, ssrc=5)
    assert sender.has_nothing()
    totals = call.relay.totals(call.port)
    assert (totals.dropped, totals.forgiven) == ([], totals.strangers)


def test_who_was_announced_and_starts_late_wins(call: Call, peer: Peers) -> None:
    announced, thief = peer(), peer()
    expect(call, announced)
    talk(call, thief)
    announced.send(call.port, rtp(1, ssrc=announced.address[1]))
    until(lambda: any(isinstance(one, Latched) and one.rebound for one in call.relay.events()))
    # Its packet may come out after the news of it; whatever came before it was the thief's.
    while sources([call.bob.receive()[0]]) != {announced.address[1]}:
        pass
    assert sources(talk(call, thief, first=500)) == set()


def test_a_stranger_who_sends_first_and_long_is_not_heard(call: Call, peer: Peers) -> None:
    announced, stranger = peer(), peer("127.0.1.9")
    expect(call, announced)
    assert talk(call, stranger) == []
    (dropped,) = call.relay.totals(call.port).dropped
    assert dropped[:2] == stranger.address
    assert dropped[2] >= 60


def test_of_two_that_could_be_it_neither_is_heard(call: Call, peer: Peers) -> None:
    announced, one, other = peer(), peer(), peer(SIGNALLING)
    expect(call, announced)
    assert talk(call, one, other) == []


def test_without_leave_only_the_announced_address_is_heard(call: Call, peer: Peers) -> None:
    announced, sender = peer(), peer()
    call.relay.expect(call.port, rtp=announced.address, formats=PCMA)
    assert talk(call, sender) == []


def test_reports_say_whether_what_we_send_arrives(call: Call, peer: Peers) -> None:
    alice = peer()
    call.relay.expect(call.port, rtp=alice.address, formats=PCMA)
    call.bob.send(call.far, rtp(1))
    alice.receive()
    block = bytes([0x81, 201, 0, 7]) + (7).to_bytes(4, "big") + (5).to_bytes(4, "big") + bytes(4)
    alice.send(call.port, block + (1).to_bytes(4, "big") + bytes(12), to_rtcp=True)
    told: list[object] = []
    until(lambda: bool(told.extend(call.relay.events()) or [one for one in told if isinstance(one, Received)]))
    (received,) = (one for one in told if isinstance(one, Received))
    assert (received.port, received.unheard_packets) == (call.port.id, 0)
    alice.send(call.port, rtcp(), to_rtcp=True)
