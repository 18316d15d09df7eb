"""A thousand calls of browsers to phones through the real relay while strangers do what silenced other servers.

Every 10 ms, before, during and after the browser's own handshake, strangers of several addresses send ClientHellos to
every port of the whole range, leased or not, for RTP or for RTCP: some with no usable cipher (as published in 2023),
some well-formed, with a foreign certificate. To each call they send checks with a wrong password, answers that nobody
asked for, RTP, RTCP, and the browser's own sealed packets once more; to the phone's port RTP and RTCP. The same is
done to phones that speak DTLS without ICE.
"""

import os
import select
import time
from collections.abc import Iterator

import pytest
from tests.media.browser import OURS, Browser, DtlsPhone
from tests.media.in_memory import sdp
from tests.native.rtp_peers import Peer, rtcp, rtp

from talkpath._native import Relay, Srtp
from talkpath.base.address import Address
from talkpath.ice import stun
from talkpath.media import CALLER, Exchange, LegId, MediaAddress, MediaPolicy, MediaSession, Origin, Security
from talkpath.media.engine import Climbed
from talkpath.net.media import CallLeases, translated
from talkpath.sdp import SessionDescription
from talkpath.secure.certificate import Certificate
from talkpath.secure.endpoint import DtlsEndpoint
from talkpath.secure.events import Begun, SendDtls
from talkpath.secure.identity import Identity

pytestmark = pytest.mark.live

CALLS, AT_ONCE = 1000, 25
# All that the calls of one wave may lease, and some that nobody has.
LOW, HIGH = 20_000, 20_199
ATTACK_EVERY_S = 0.01
# A wave that needs longer has lost a call; alone it takes less than a second.
WAVE_S = 30.0
HERE = (MediaAddress("127.0.0.1", "127.0.0.1"),)
PHONE = Origin("127.0.0.1", False, HERE)
ATTACKERS = ("127.0.0.66", "127.0.0.67", "127.0.0.68", "127.0.0.69")


def null_hello() -> bytes:
    """A ClientHello that offers only TLS_NULL_WITH_NULL_NULL."""
    body = b"\xfe\xfd" + os.urandom(32) + bytes(2) + b"\0\2\0\0" + b"\1\0"
    length = len(body).to_bytes(3, "big")
    message = b"\1" + length + bytes(5) + length + body
    return b"\x16\xfe\xfd" + bytes(8) + len(message).to_bytes(2, "big") + message


def foreign_hello() -> bytes:
    endpoint = DtlsEndpoint(Identity(Certificate.make(time.time()), bytes(32)))
    endpoint.receive(Begun((0, Address("127.0.0.1", 1))), time.time())
    return next(one.data for one in endpoint.drain() if isinstance(one, SendDtls))


class Line:
    """One call: a browser and a phone, each with a socket, and our session between them."""

    def __init__(self, relay: Relay, lines: "dict[int, Line]", kind: type[Browser]) -> None:
        self.web, self.phone = Peer(), Peer()
        self.browser = kind(offers=True, host="127.0.0.1", port=self.web.address[1])
        self.caller = PHONE._replace(webrtc=kind is Browser)
        self.ports: dict[int, Line] = {}
        engine = CallLeases(relay, self.ports, self)
        self.session = MediaSession(engine, MediaPolicy(LOW, HIGH), Security(relay, OURS, os.urandom))
        offer = self.browser.describe("8")
        self.carry(offer, caller=True, status=0)
        answer = sdp("127.0.0.1", f"audio {self.phone.address[1]} RTP/AVP 8")
        answered = SessionDescription.parse(self.carry(answer, caller=False, status=200))
        self.session.chosen(LegId(1), time.time())
        self.to_web = ("127.0.0.1", answered.audio.port)
        self.ufrag = answered.audio.ice_ufrag or ""
        self.replay = b""
        self.heard_by_phone: list[bytes] = []
        self.heard_by_web: list[bytes] = []
        ports = [anchor.port.rtp for _, anchor in self.session.ports if anchor.leg.id == LegId(1)]
        self.to_phone = ("127.0.0.1", ports[0])
        lines |= dict.fromkeys(self.ports, self)
        self.browser.learn(answered.audio, time.time())

    def carry(self, body: bytes, *, caller: bool, status: int) -> bytes:
        frm, to = (CALLER, LegId(1)) if caller else (LegId(1), CALLER)
        origin, target = (self.caller, PHONE) if caller else (PHONE, self.caller)
        exchange = Exchange("INVITE", 1, status)
        return self.session.carry(
            body, frm=frm, to=to, exchange=exchange, origin=origin, target=target, now=time.time()
        )

    def turn(self, now: float) -> None:
        for machine in (self.browser.agent, self.browser.endpoint, self.session):
            if (at := machine.deadline()) is not None and at <= now:
                machine.expire(now)
        for data, target in self.browser.drain(now):
            self.web.socket.sendto(data, target)
        self.take(now)
        self.talk()

    def take(self, now: float) -> None:
        while not self.web.has_nothing():
            data, source = self.web.socket.recvfrom(2048)
            if data[0] < 64:
                self.browser.take(data, Address(*source), now)
            elif self.browser.keys is not None:
                self.heard_by_web.append(self.unseal.unprotect(data) if data[1] & 0x7F == 8 else b"")
        while not self.phone.has_nothing():
            self.heard_by_phone.append(self.phone.receive()[0])

    def talk(self) -> None:
        keys = self.browser.keys
        if keys is None or self.is_done:
            return
        if not self.replay:
            self.seal, self.unseal = (Srtp(keys.suite.sdes_name, k.key, k.salt) for k in (keys.ours, keys.theirs))
            self.sequence = 0
        self.sequence += 1
        self.replay = self.seal.protect(rtp(self.sequence))
        self.web.socket.sendto(self.replay, self.to_web)
        self.phone.socket.sendto(rtp(self.sequence, ssrc=7), self.to_phone)

    @property
    def is_done(self) -> bool:
        return len(self.heard_by_phone) >= 3 and len(self.heard_by_web) >= 3

    def close(self) -> None:
        self.session.close(time.time())
        self.web.close()
        self.phone.close()


class Mallory:
    """Sends from addresses of its own, one after the other."""

    def __init__(self) -> None:
        self.peers = [Peer(host) for host in ATTACKERS]
        self.hellos = [null_hello(), foreign_hello()]
        self.sent = 0

    def sweep(self) -> None:
        """A hello to every port of the range."""
        socket = self.peers[self.sent % len(self.peers)].socket
        for port in range(LOW, HIGH + 2):
            socket.sendto(self.hellos[(port // 2 + self.sent) % 2], ("127.0.0.1", port))
            self.sent += 1

    def attack(self, line: Line) -> None:
        """What aims at one call."""
        attributes = [(stun.Attr.USERNAME, f"{line.ufrag}:x".encode()), (stun.Attr.USE_CANDIDATE, b"")]
        check = stun.write(stun.Kind.REQUEST, os.urandom(12), attributes, b"guessed")
        socket = self.peers[self.sent % len(self.peers)].socket
        answer = stun.write(stun.Kind.SUCCESS, os.urandom(12), [], b"guessed")
        for packet in (*self.hellos, check, answer, rtp(self.sent), rtcp(), line.replay or b"\x80"):
            socket.sendto(packet, line.to_web)
            self.sent += 1
        for packet in (rtp(self.sent), rtcp()):
            socket.sendto(packet, line.to_phone)

    def close(self) -> None:
        for peer in self.peers:
            peer.close()


@pytest.fixture(name="relay")
def a_relay() -> Iterator[Relay]:
    relay = Relay()
    yield relay
    relay.shutdown()


def run_wave(relay: Relay, mallory: Mallory, events: dict[str, int], kind: type[Browser]) -> None:
    owners: dict[int, Line] = {}
    mallory.sweep()
    lines = [Line(relay, owners, kind) for _ in range(AT_ONCE)]
    sockets = [one for line in lines for one in (line.web.socket, line.phone.socket)]
    ends_at, attack_at = time.monotonic() + WAVE_S, 0.0
    while not all(line.is_done for line in lines):
        assert time.monotonic() < ends_at, [str(line.session.drain()) for line in lines if not line.is_done][:1]
        if time.monotonic() >= attack_at:
            attack_at = time.monotonic() + ATTACK_EVERY_S
            mallory.sweep()
            for line in lines:
                mallory.attack(line)
        select.select([relay.fileno(), *sockets], [], [], 0.002)
        now = time.time()
        for event in relay.events():
            told = translated(event)
            if told is not None and event.port in owners:
                events["climbed"] += isinstance(told, Climbed)
                owners[event.port].session.receive(told, now)
        for line in lines:
            line.turn(now)
    for line in lines:
        packets = [int.from_bytes(packet[2:4], "big") for packet in line.heard_by_phone]
        assert len(packets) == len(set(packets)), "a replayed packet was heard"
        assert all(packet[8:12] == rtp(1)[8:12] for packet in line.heard_by_phone), "an injected packet was heard"
        assert {packet[8:12] for packet in line.heard_by_web} == {rtp(1, ssrc=7)[8:12]}
        kinds = [one.kind for one in line.session.drain()]
        assert kinds.count("dtls.client-hello") == 1, "a stranger's hello was taken"
        line.close()


@pytest.mark.parametrize(
    ("kind", "calls"), [pytest.param(Browser, CALLS, marks=pytest.mark.load), (DtlsPhone, CALLS // 4)]
)
def test_a_thousand_calls_and_none_is_lost(relay: Relay, kind: type[Browser], calls: int) -> None:
    mallory, events = Mallory(), {"climbed": 0}
    try:
        for _ in range(calls // AT_ONCE):
            run_wave(relay, mallory, events, kind)
    finally:
        mallory.close()
    assert mallory.sent > 6 * calls
    counted = relay.counters()
    assert counted["panics"] == 0
    assert counted["strangers"] > calls
