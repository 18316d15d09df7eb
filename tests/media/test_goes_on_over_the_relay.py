"""A call whose process is gone: another relay opens its ports, and another session goes on with what they are for."""

import os
import time
from collections.abc import Iterator

import pytest
from tests.media.browser import OURS
from tests.media.test_over_the_relay import HERE, connect, description
from tests.media.test_webrtc_over_the_relay import BRANCH, Wire, call, media_of
from tests.native.rtp_peers import Peers, rtp

from talkpath._native import Relay, Srtp
from talkpath.media import CALLER, Exchange, MediaPolicy, MediaSession, Security
from talkpath.media.record import MediaRecord, decoded, encoded
from talkpath.net.media import CallEngine, Verbs


@pytest.fixture(name="heir")
def another_relay() -> Iterator[Relay]:
    """Of the process that goes on."""
    made = Relay()
    yield made
    made.shutdown()


def go_on(session: MediaSession, relay: Relay, heir: Relay, *, is_secure: bool = False) -> MediaSession:
    """Save, let the first relay die, and go on with the other."""
    session.drain()
    saved = session.save()
    assert isinstance(saved, MediaRecord)
    data, state = encoded(saved), relay.save([anchor.port for _, anchor in session.ports])
    relay.shutdown()
    owners: dict[int, str] = {}
    engine = CallEngine(Verbs(heir), owners, "call")
    ports = engine.adopt(state)
    security = Security(heir, OURS, os.urandom) if is_secure else None
    return MediaSession.resumed(decoded(data), ports, engine, MediaPolicy(), security, time.monotonic())


def test_phones_hear_each_other_and_one_holds(relay: Relay, heir: Relay, peer: Peers) -> None:
    alice, bob = peer(), peer()
    first = MediaSession(CallEngine(Verbs(relay), {}, "call"), MediaPolicy())
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
