"""A browser with real sockets: checks, a handshake and sealed packets through the real relay to a plain phone."""

import os
import select
import time

from tests.media.browser import OURS, Browser
from tests.media.in_memory import sdp
from tests.native.rtp_peers import DEADLINE_S, Peer, Peers, rtp

from talkpath._native import Relay, Srtp
from talkpath.base.address import Address
from talkpath.media import CALLER, Exchange, LegId, MediaAddress, MediaPolicy, MediaSession, Origin, Security
from talkpath.net.media import CallLeases, translated
from talkpath.sdp import SessionDescription

HERE = (MediaAddress("127.0.0.1", "127.0.0.1"),)
BROWSER, PHONE = Origin("127.0.0.1", False, HERE, True), Origin("127.0.0.1", False, HERE)
BRANCH = LegId(1)


class Wire:
    """Moves datagrams between the browser's socket and its machines, and the relay's events to the session."""

    def __init__(self, relay: Relay, peer: Peer) -> None:
        self.relay, self.peer = relay, peer
        self.browser = Browser(offers=True, host=peer.address[0], port=peer.address[1])
        owners: dict[int, object] = {}
        engine = CallLeases(relay, owners, "call")
        self.session = MediaSession(engine, MediaPolicy(), Security(relay, OURS, os.urandom))

    def turn(self) -> None:
        now = time.monotonic()
        for data, target in self.browser.drain(now):
            self.peer.socket.sendto(data, target)
        readable, _, _ = select.select([self.peer.socket, self.relay.fileno()], [], [], 0.02)
        if self.peer.socket in readable:
            data, source = self.peer.socket.recvfrom(2048)
            if data[0] < 64:
                self.browser.take(data, Address(*source), now)
        for event in self.relay.events():
            told = translated(event)
            if told is not None:
                self.session.receive(told, now)
        self.browser.agent.expire(now)
        self.browser.endpoint.expire(now)
        self.session.expire(now)

    def until_keyed(self) -> None:
        end = time.monotonic() + DEADLINE_S
        told: list[object] = []
        while self.browser.keys is None or not any("srtp.keyed" in str(one) for one in told):
            assert time.monotonic() < end, told
            self.turn()
            told += self.session.drain()


def call(wire: Wire, phone: Peer, cseq: int, formats: str = "8") -> tuple[SessionDescription, SessionDescription]:
    """The browser offers and the phone answers; gives what the phone and what the browser read."""
    offer = wire.session.carry(
        wire.browser.describe(formats),
        frm=CALLER,
        to=BRANCH,
        exchange=Exchange("INVITE", cseq),
        origin=BROWSER,
        target=PHONE,
        now=time.monotonic(),
    )
    answer = wire.session.carry(
        sdp("127.0.0.1", f"audio {phone.address[1]} RTP/AVP {formats}"),
        frm=BRANCH,
        to=CALLER,
        exchange=Exchange("INVITE", cseq, 200),
        origin=PHONE,
        target=BROWSER,
        now=time.monotonic(),
    )
    wire.session.chosen(BRANCH, time.monotonic())
    return SessionDescription.parse(offer), SessionDescription.parse(answer)


def media_of(peer: Peer) -> tuple[bytes, int]:
    """The next packet that is neither STUN nor DTLS."""
    while True:
        data, source = peer.receive()
        if data[0] >= 128:
            return data, source


def test_a_browser_and_a_phone_hear_each_other(relay: Relay, peer: Peers) -> None:
    wire, phone = Wire(relay, peer()), peer()
    offer, answer = call(wire, phone, 1)
    to_phone, to_browser = offer.audio.port, answer.audio.port
    wire.browser.learn(answer.audio, time.monotonic())
    wire.until_keyed()
    keys = wire.browser.keys
    assert keys is not None
    seal, unseal = (Srtp(keys.suite.sdes_name, one.key, one.salt) for one in (keys.ours, keys.theirs))
    for sequence in (1, 2):
        wire.peer.socket.sendto(rtp(90), ("127.0.0.1", to_browser))
        wire.peer.socket.sendto(seal.protect(rtp(sequence)), ("127.0.0.1", to_browser))
        assert phone.receive() == (rtp(sequence), to_phone)
        phone.socket.sendto(rtp(sequence, ssrc=5), ("127.0.0.1", to_phone))
        data, source = media_of(wire.peer)
        assert (unseal.unprotect(data), source) == (rtp(sequence, ssrc=5), to_browser)
        call(wire, phone, 1 + sequence, "8 0")
    totals = {one.side: one.totals for one in wire.session.close(time.monotonic())}
    assert totals["caller"].heard_packets == 2


def test_sections_whose_names_are_no_text_are_answered(relay: Relay, peer: Peers) -> None:
    wire, phone = Wire(relay, peer()), peer()
    mid = "a=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid"
    offered = wire.browser.describe("8", f"{mid}\n", bundled=("audio 9 UDP/TLS/RTP/SAVPF 8",))
    named = offered.replace(b"a=mid:", b"a=mid:\xfe").replace(b"BUNDLE 0 1", b"BUNDLE \xfe0 \xfe1")
    assert named.count(b"\xfe") == 4
    exchange, answered = Exchange("INVITE", 1), Exchange("INVITE", 1, 200)
    now = time.monotonic()
    wire.session.carry(named, frm=CALLER, to=BRANCH, exchange=exchange, origin=BROWSER, target=PHONE, now=now)
    lines = [f"audio {phone.address[1]} RTP/AVP 8", f"audio {phone.address[1] + 2} RTP/AVP 8"]
    body = sdp("127.0.0.1", *lines)
    told = wire.session.carry(body, frm=BRANCH, to=CALLER, exchange=answered, origin=PHONE, target=BROWSER, now=now)
    wire.session.chosen(BRANCH, now)
    assert all(section.port for section in SessionDescription.parse(told).media)
