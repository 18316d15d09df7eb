"""Two phones with DTLS answer one offer through the real relay; whoever is kept is heard, and hears."""

import os
import select
import time

import pytest
from tests.media.browser import OURS, DtlsPhone
from tests.media.in_memory import sdp
from tests.native.rtp_peers import DEADLINE_S, Peer, Peers, rtp

from talkpath._native import Relay, Srtp
from talkpath.base.address import Address
from talkpath.media import CALLER, Exchange, LegId, MediaAddress, MediaPolicy, MediaSession, Origin, Security
from talkpath.media.policy import Profile
from talkpath.net.media import CallLeases, translated
from talkpath.sdp import MediaSection, SessionDescription

HERE = (MediaAddress("127.0.0.1", "127.0.0.1"),)
ALICE = Origin("127.0.0.1", False, HERE)
GATEWAY = Origin("127.0.0.1", False, HERE, profile=Profile.DTLS)
LEGS = (LegId(1), LegId(2))


class Call:
    """Between a plain caller and two phones behind the first branch. Time passes while nothing comes, and no faster
    than that."""

    def __init__(self, relay: Relay, caller: Peer, peers: tuple[Peer, Peer]) -> None:
        self.relay, self.caller, self.peers = relay, caller, peers
        self.session = MediaSession(CallLeases(relay, {}, "call"), MediaPolicy(), Security(relay, OURS, os.urandom))
        self.now = time.monotonic()
        self.phones = [DtlsPhone(offers=False, host=peer.address[0], port=peer.address[1]) for peer in peers]
        self.offered = self._offer()

    def _offer(self) -> MediaSection:
        made = self.session.carry(
            sdp("127.0.0.1", f"audio {self.caller.address[1]} RTP/AVP 8"),
            frm=CALLER,
            to=LEGS[0],
            exchange=Exchange("INVITE", 1),
            origin=ALICE,
            target=GATEWAY,
            now=self.now,
        )
        return SessionDescription.parse(made).audio

    def answered(self, number: int) -> int:
        """This phone sends 200; gives the port that the caller is told."""
        if number:
            self.session.forked(LEGS[number], of=LEGS[0], cseq=1)
        phone = self.phones[number]
        phone.learn(self.offered, self.now)
        made = self.session.carry(
            phone.describe("8"),
            frm=LEGS[number],
            to=CALLER,
            exchange=Exchange("INVITE", 1, 200),
            origin=GATEWAY,
            target=ALICE,
            now=self.now,
        )
        self.session.chosen(LEGS[number], self.now)
        return SessionDescription.parse(made).audio.port

    def turn(self) -> None:
        for phone, peer in zip(self.phones, self.peers, strict=True):
            for data, target in phone.drain(self.now):
                peer.socket.sendto(data, target)
        sockets = [peer.socket for peer in self.peers]
        readable, _, _ = select.select([*sockets, self.relay.fileno()], [], [], 0.01)
        for phone, peer in zip(self.phones, self.peers, strict=True):
            if peer.socket in readable:
                data, source = peer.socket.recvfrom(2048)
                phone.take(data, Address(*source), self.now)
        for event in self.relay.events():
            if (told := translated(event)) is not None:
                self.session.receive(told, self.now)
        if not readable:
            self.now += 0.1
        for phone in self.phones:
            phone.endpoint.expire(self.now)
        self.session.expire(self.now)

    def until_keyed(self, number: int) -> tuple[Srtp, Srtp]:
        """What this phone seals and opens its packets with, once both sides have keys."""
        end, told = time.monotonic() + DEADLINE_S, list[object]()
        while self.phones[number].keys is None or not any("srtp.keyed" in str(one) for one in told):
            assert time.monotonic() < end, told
            self.turn()
            told += self.session.drain()
        keys = self.phones[number].keys
        assert keys is not None
        return Srtp(keys.suite.sdes_name, keys.ours.key, keys.ours.salt), Srtp(
            keys.suite.sdes_name, keys.theirs.key, keys.theirs.salt
        )


@pytest.mark.parametrize("kept", [0, 1])
def test_of_two_phones_with_dtls_that_answer_the_one_that_is_kept_talks(relay: Relay, peer: Peers, kept: int) -> None:
    call = Call(relay, peer(), (peer(), peer()))
    to_caller, to_phone = call.answered(0), call.offered.port
    keys = [call.until_keyed(0)]
    call.answered(1)
    for _ in range(5):
        call.turn()
    call.session.released(LEGS[1 - kept], call.now)
    if kept:
        keys.append(call.until_keyed(1))
    seal, unseal = keys[kept]
    for sequence in (1, 2, 3):
        call.peers[kept].socket.sendto(seal.protect(rtp(sequence)), ("127.0.0.1", to_phone))
        assert call.caller.receive() == (rtp(sequence), to_caller)
        call.caller.socket.sendto(rtp(sequence, ssrc=5), ("127.0.0.1", to_caller))
        data, source = call.peers[kept].receive()
        assert (unseal.unprotect(data), source) == (rtp(sequence, ssrc=5), to_phone)
