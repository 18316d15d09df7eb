"""The session over the real relay: two phones on loopback hear each other, and what the engine tells comes back."""

import select
import time

import pytest
from tests.native.rtp_peers import DEADLINE_S, Peer, Peers, rtcp, rtp

from talkpath._native import Relay
from talkpath.base.errors import Unavailable
from talkpath.media import (
    CALLER,
    Exchange,
    LegId,
    MediaAddress,
    MediaDied,
    MediaPolicy,
    MediaSession,
    Origin,
)
from talkpath.net.media import CallLeases, translated
from talkpath.sdp import SessionDescription

HERE = Origin("127.0.0.1", False, (MediaAddress("127.0.0.1", "127.0.0.1"),))
BRANCH = LegId(1)


class Board:
    """Sessions on one relay, and the events of each."""

    def __init__(self, relay: Relay, policy: MediaPolicy) -> None:
        self.relay = relay
        self.policy = policy
        self.owners: dict[int, str] = {}
        self.sessions: dict[str, MediaSession] = {}

    def open(self, name: str) -> MediaSession:
        self.sessions[name] = MediaSession(CallLeases(self.relay, self.owners, name), self.policy)
        return self.sessions[name]

    def receive(self, now: float) -> None:
        for event in self.relay.events():
            told = translated(event)
            if event.port in self.owners and told is not None:
                self.sessions[self.owners[event.port]].receive(told, now)


def description(peer: Peer, formats: str = "8 101", extra: str = "") -> bytes:
    host, port = peer.address
    return (
        f"v=0\r\no=- 1 1 IN IP4 {host}\r\ns=-\r\nc=IN IP4 {host}\r\nt=0 0\r\nm=audio {port} RTP/AVP {formats}\r\n"
        f"a=rtpmap:101 telephone-event/8000\r\n{extra}"
    ).encode()


def connect(session: MediaSession, alice: Peer, bob: Peer, extra: str = "") -> tuple[int, int]:
    """Offer, answer, chosen; gives our ports towards alice and bob."""
    to_bob = session.carry(
        description(alice, extra=extra),
        frm=CALLER,
        to=BRANCH,
        exchange=Exchange("INVITE", 1),
        origin=HERE,
        target=HERE,
        now=1.0,
    )
    to_alice = session.carry(
        description(bob),
        frm=BRANCH,
        to=CALLER,
        exchange=Exchange("INVITE", 1, 200),
        origin=HERE,
        target=HERE,
        now=1.0,
    )
    session.chosen(BRANCH, 1.0)
    return SessionDescription.parse(to_alice).audio.port, SessionDescription.parse(to_bob).audio.port


def send(peer: Peer, port: int, data: bytes) -> None:
    peer.socket.sendto(data, ("127.0.0.1", port))


def receive_until(board: Board, session: MediaSession, kind: str) -> list[object]:
    told: list[object] = []
    end = time.monotonic() + DEADLINE_S
    while not any(kind in (getattr(one, "kind", ""), getattr(one, "reason", "")) for one in told):
        assert time.monotonic() < end, told
        select.select([board.relay.fileno()], [], [], 1.0)
        board.receive(time.monotonic())
        told += session.drain()
    return told


def test_two_phones_hear_each_other(relay: Relay, peer: Peers) -> None:
    board = Board(relay, MediaPolicy())
    session = board.open("call-1")
    alice, bob = peer(), peer()
    to_us_from_alice, to_us_from_bob = connect(session, alice, bob)
    send(alice, to_us_from_alice, rtp(1))
    assert bob.receive() == (rtp(1), to_us_from_bob)
    send(bob, to_us_from_bob, rtp(1, ssrc=9))
    assert alice.receive() == (rtp(1, ssrc=9), to_us_from_alice)
    moments = receive_until(board, session, "media.first-packet")
    assert next(m.values["side"] for m in moments if m.kind == "media.first-packet") == "caller"
    totals = {one.side: one.totals for one in session.close(2.0)}
    assert (totals["caller"].heard_packets, totals["caller"].sent_packets) == (1, 1)
    assert relay.counters()["ports"] == 0


def test_rtcp_is_muxed_on_the_side_that_wants_it(relay: Relay, peer: Peers) -> None:
    session = Board(relay, MediaPolicy()).open("call")
    alice, (bob, bob_rtcp) = peer(), peer.pair()
    to_us, from_us = connect(session, alice, bob, extra="a=rtcp-mux\r\n")
    send(alice, to_us, rtcp())
    assert bob_rtcp.receive() == (rtcp(), from_us + 1)
    send(bob_rtcp, from_us + 1, rtcp(7))
    assert alice.receive() == (rtcp(7), to_us)


def test_hold_by_zero_address_stops_what_we_send(relay: Relay, peer: Peers) -> None:
    session = Board(relay, MediaPolicy()).open("call")
    alice, bob = peer(), peer()
    to_us, from_us = connect(session, alice, bob)
    offer = description(alice).replace(b"c=IN IP4 127.0.0.1", b"c=IN IP4 0.0.0.0")
    again = {"origin": HERE, "target": HERE, "now": 2.0}
    session.carry(offer, frm=CALLER, to=BRANCH, exchange=Exchange("INVITE", 2), **again)
    session.carry(description(bob), frm=BRANCH, to=CALLER, exchange=Exchange("INVITE", 2, 200), **again)
    send(bob, from_us, rtp(1))
    send(alice, to_us, rtp(2))
    assert bob.receive() == (rtp(2), from_us)
    assert alice.has_nothing()


def test_echo_and_tone_are_heard(relay: Relay, peer: Peers) -> None:
    board = Board(relay, MediaPolicy())
    alice = peer()
    for service in ("echo", "tone"):
        session = board.open(service)
        answer = session.answer_locally(description(alice), service, HERE, 1.0)
        port = SessionDescription.parse(answer).audio.port
        send(alice, port, rtp(1, payload=b"\x01" * 160))
        data, source = alice.receive()
        assert source == port
        assert data[1] & 0x7F == 8
        if service == "echo":
            assert data[12:] == b"\x01" * 160
        session.close(2.0)


def test_a_silent_call_dies(relay: Relay, peer: Peers) -> None:
    board = Board(relay, MediaPolicy(timeout_s=0.2))
    session = board.open("call")
    alice, bob = peer(), peer()
    to_us, _ = connect(session, alice, bob)
    send(alice, to_us, rtp(1))
    told = receive_until(board, session, "media-timeout")
    assert isinstance(told[-1], MediaDied)


def test_seconds_come_with_the_addresses_of_their_call(relay: Relay, peer: Peers) -> None:
    board = Board(relay, MediaPolicy())
    session = board.open("call-7")
    alice, bob = peer(), peer()
    to_us, _ = connect(session, alice, bob)
    end = time.monotonic() + DEADLINE_S
    sequence, heard = 0, []
    while not heard:
        assert time.monotonic() < end
        sequence += 1
        send(alice, to_us, rtp(sequence))
        bob.receive()
        heard = relay.meters()
    anchor = session.anchor(heard[0].port)
    assert anchor is not None
    assert (anchor.remote, anchor.local) == (alice.address, ("127.0.0.1", to_us))
    assert heard[0].packets > 0


def test_no_free_port_is_unavailable(relay: Relay, peer: Peers) -> None:
    session = Board(relay, MediaPolicy(first_port=20000, last_port=20002)).open("call")
    with pytest.raises(Unavailable):
        connect(session, peer(), peer())
    assert relay.counters()["ports"] == 0


def test_a_codec_whose_name_is_no_text_keeps_nobody_from_hearing(relay: Relay, peer: Peers) -> None:
    session = Board(relay, MediaPolicy()).open("call-1")
    offer = description(peer(), "8 97") + b"a=rtpmap:97 \xfe\xffx/8000\r\n"
    to_bob = session.carry(
        offer, frm=CALLER, to=BRANCH, exchange=Exchange("INVITE", 1), origin=HERE, target=HERE, now=1.0
    )
    assert b"a=rtpmap:97 \xfe\xffx/8000" in to_bob
    answer = Exchange("INVITE", 1, 200)
    to_alice = session.carry(
        description(peer(), "97 8") + b"a=rtpmap:97 \xfe\xffx/8000\r\n",
        frm=BRANCH,
        to=CALLER,
        exchange=answer,
        origin=HERE,
        target=HERE,
        now=1.0,
    )
    assert SessionDescription.parse(to_alice).audio.port
