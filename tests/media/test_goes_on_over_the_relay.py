"""A call whose process is gone: another relay opens its ports, and another session goes on with what they are for."""

import os
import time
from collections.abc import Iterator

import pytest
from tests.media.browser import OURS
from tests.media.in_memory import sdp
from tests.media.test_over_the_relay import HERE, connect, description
from tests.media.test_webrtc_over_the_relay import BRANCH, BROWSER, PHONE, Wire, call, media_of
from tests.native.rtp_peers import Peers, rtp

from talkpath._native import Relay, Srtp
from talkpath.media import CALLER, Exchange, MediaPolicy, MediaSession, Security
from talkpath.media.elsewhere import places as at_other_places
from talkpath.media.policy import MediaAddress
from talkpath.media.record import MediaRecord, decoded, encoded
from talkpath.net.media import CallLeases
from talkpath.sdp import SessionDescription


@pytest.fixture(name="heir")
def another_relay() -> Iterator[Relay]:
    """Of the process that goes on."""
    made = Relay()
    yield made
    made.shutdown()


def go_on(
    session: MediaSession, relay: Relay, heir: Relay, *, is_secure: bool = False, elsewhere: str = ""
) -> MediaSession:
    """Save, let the first relay die, and go on with the other; at another address, where one is named."""
    session.drain()
    saved = session.save()
    assert isinstance(saved, MediaRecord)
    data, state = encoded(saved), relay.save([anchor.port for _, anchor in session.ports])
    relay.shutdown()
    owners: dict[int, str] = {}
    engine = CallLeases(heir, owners, "call")
    record, places = decoded(data), ()
    if elsewhere:
        places = at_other_places(record, dict.fromkeys(range(9), (MediaAddress(elsewhere, elsewhere),)))
    ports = engine.adopt(state, hosts=[place.host for place in places], low=30_000, high=40_000)
    security = Security(heir, OURS, os.urandom) if is_secure else None
    return MediaSession.resumed(record, ports, engine, MediaPolicy(), security, time.monotonic(), places)


def test_phones_hear_each_other_and_one_holds(relay: Relay, heir: Relay, peer: Peers) -> None:
    alice, bob = peer(), peer()
    first = MediaSession(CallLeases(relay, {}, "call"), MediaPolicy())
    at_alice, at_bob = connect(first, alice, bob)
    alice.socket.sendto(rtp(1), ("127.0.0.1", at_alice))
    assert bob.receive() == (rtp(1), at_bob)
    session = go_on(first, relay, heir)
    for sequence in (2, 3):
        alice.socket.sendto(rtp(sequence), ("127.0.0.1", at_alice))
        assert bob.receive() == (rtp(sequence), at_bob)
        bob.socket.sendto(rtp(sequence, ssrc=5), ("127.0.0.1", at_bob))
        assert alice.receive() == (rtp(sequence, ssrc=5), at_alice)
        held = description(alice, extra="a=sendonly\r\n")
        exchange = Exchange("INVITE", sequence)
        told = session.carry(held, frm=CALLER, to=BRANCH, exchange=exchange, origin=HERE, target=HERE, now=2.0)
        assert f"m=audio {at_bob} " in told.decode()
    totals = {one.side: one.totals for one in session.close(3.0)}
    assert totals["caller"].heard_packets == 3


def test_a_browser_is_heard_under_its_keys_and_answered(relay: Relay, heir: Relay, peer: Peers) -> None:
    wire, phone = Wire(relay, peer()), peer()
    offer, answer = call(wire, phone, 1)
    to_phone, to_browser = offer.audio.port, answer.audio.port
    wire.browser.learn(answer.audio, time.monotonic())
    wire.until_keyed()
    keys = wire.browser.keys
    assert keys is not None
    seal, unseal = (Srtp(keys.suite.sdes_name, one.key, one.salt) for one in (keys.ours, keys.theirs))
    wire.session, wire.relay = go_on(wire.session, relay, heir, is_secure=True), heir
    for sequence in (1, 2):
        wire.peer.socket.sendto(seal.protect(rtp(sequence)), ("127.0.0.1", to_browser))
        assert phone.receive() == (rtp(sequence), to_phone)
        phone.socket.sendto(rtp(sequence, ssrc=5), ("127.0.0.1", to_phone))
        data, source = media_of(wire.peer)
        assert (unseal.unprotect(data), source) == (rtp(sequence, ssrc=5), to_browser)
        assert call(wire, phone, 1 + sequence, "8 0")[1].audio.port == to_browser
    wire.session.close(time.monotonic())


def test_phones_hear_each_other_by_ports_of_another_address(relay: Relay, heir: Relay, peer: Peers) -> None:
    alice, bob = peer(), peer()
    first = MediaSession(CallLeases(relay, {}, "call"), MediaPolicy())
    before = connect(first, alice, bob)
    session = go_on(first, relay, heir, elsewhere="127.0.0.2")
    at_alice, at_bob = (anchor.port.rtp for _, anchor in session.ports)
    assert not {at_alice, at_bob} & set(before)
    # Who does not know yet is heard by nobody, and hears already.
    alice.socket.sendto(rtp(2), ("127.0.0.2", at_alice))
    assert bob.receive() == (rtp(2), at_bob)
    origin = HERE._replace(media=(MediaAddress("127.0.0.2", "127.0.0.2"),))
    told = session.carry(
        description(alice), frm=CALLER, to=BRANCH, exchange=Exchange("Ours", 1), origin=origin, target=origin, now=2.0
    )
    assert f"m=audio {at_bob} " in told.decode()
    assert "c=IN IP4 127.0.0.2" in told.decode()


def test_ports_are_not_adopted_at_an_address_of_the_other_family(relay: Relay, heir: Relay) -> None:
    port = relay.open("127.0.0.1", 30_000, 40_000)
    state = relay.save([port])
    for hosts in (["::1"], ["127.0.0.2", "127.0.0.2"]):
        with pytest.raises(ValueError, match="of the family that it had"):
            heir.adopt(state, hosts=hosts, low=30_000, high=40_000)
    with pytest.raises(OSError, match=r"127\.0\.0\.2: no free pair"):
        heir.adopt(state, hosts=["127.0.0.2"], low=30_000, high=29_000)
    (again,) = heir.adopt(state, hosts=["127.0.0.2"], low=port.rtp, high=port.rtp + 1)
    assert (again.host, again.rtp) == ("127.0.0.2", port.rtp)


def test_a_browser_is_told_other_checks_and_the_same_certificate(relay: Relay, heir: Relay, peer: Peers) -> None:
    wire, phone = Wire(relay, peer()), peer()
    _, answer = call(wire, phone, 1)
    wire.browser.learn(answer.audio, time.monotonic())
    wire.until_keyed()
    session = go_on(wire.session, relay, heir, is_secure=True, elsewhere="127.0.0.2")
    at_browser = next(anchor.port.rtp for _, anchor in session.ports if anchor.leg.id == CALLER)
    session.renew(CALLER, time.monotonic())
    told = session.carry(
        sdp("127.0.0.1", f"audio {phone.address[1]} RTP/AVP 8"),
        frm=BRANCH,
        to=CALLER,
        exchange=Exchange("Ours", 1),
        origin=PHONE,
        target=BROWSER,
        now=time.monotonic(),
    )
    said, before = SessionDescription.parse(told).audio, answer.audio
    assert said.port == at_browser
    assert said.attributes.first("ice-ufrag") != before.attributes.first("ice-ufrag")
    assert said.attributes.first("fingerprint") == before.attributes.first("fingerprint")
    assert f" 127.0.0.2 {at_browser} typ host" in told.decode()
    assert not [one for one in session.drain() if one.kind.startswith("srtp.")]
