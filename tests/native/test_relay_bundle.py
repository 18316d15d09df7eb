"""Sections that share one transport (RFC 9143), through the relay: what goes where, sealed once."""

import struct

import pytest
from tests.native.rtp_peers import HIGH, LOW, PCMA, Peers, next_events, rtcp, rtp
from tests.native.test_relay_srtp import Secured

from talkpath._native import FirstHeard, Relay

VP8 = [(96, 90000, "VP8")]
MID_ID = 4


def with_mid(packet: bytes, mid: bytes) -> bytes:
    element = bytes([MID_ID << 4 | len(mid) - 1]) + mid
    element += bytes(-len(element) % 4)
    head = struct.pack("!HH", 0xBEDE, len(element) // 4)
    return bytes([packet[0] | 0x10]) + packet[1:12] + head + element + packet[12:]


def pli(sender: int, media: int) -> bytes:
    return struct.pack("!BBHII", 0x81, 206, 2, sender, media)


class Bundle:
    """A browser with audio and video on one secured transport, and a phone with a port for each."""

    def __init__(self, relay: Relay, peers: Peers, *, stamp: bool = False) -> None:
        self.keys = Secured()
        self.browser, self.audio, self.video = peers(), peers(), peers()
        self.first = relay.open("127.0.0.1", LOW, HIGH)
        relay.expect(self.first, rtp=None, mux=True, ice=True, formats=PCMA)
        relay.approve(self.first, self.browser.address)
        self.second = relay.share(self.first)
        relay.expect(self.second, rtp=None, mux=True, ice=True, formats=VP8)
        self.keys.agree(relay, self.first)
        relay.identify(self.first, "0", extension=MID_ID, stamp=stamp)
        relay.identify(self.second, "1", extension=MID_ID, stamp=stamp, ssrcs=[500])
        self.phones = []
        for peer, section, formats in ((self.audio, self.first, PCMA), (self.video, self.second, VP8)):
            port = relay.open("127.0.0.1", LOW, HIGH)
            relay.expect(port, rtp=peer.address, mux=True, formats=formats)
            relay.route(section, port)
            relay.route(port, section)
            self.phones.append(port)

    def say(self, packet: bytes) -> None:
        self.browser.send(self.first, self.keys.sealer.protect(packet))

    def report(self, packet: bytes) -> None:
        self.browser.send(self.first, self.keys.sealer.protect_rtcp(packet))

    def heard(self) -> bytes:
        return self.keys.opener.unprotect(self.browser.receive()[0])


def test_packets_go_to_the_section_they_belong_to(relay: Relay, peer: Peers) -> None:
    bundle = Bundle(relay, peer)
    bundle.say(rtp(1))
    assert bundle.audio.receive()[0] == rtp(1)
    bundle.say(rtp(1, payload_type=96, ssrc=9))
    assert bundle.video.receive()[0] == rtp(1, payload_type=96, ssrc=9)
    bundle.say(with_mid(rtp(2, payload_type=99, ssrc=10), b"1"))
    assert bundle.video.receive()[0] == with_mid(rtp(2, payload_type=99, ssrc=10), b"1")
    bundle.say(rtp(3, payload_type=99, ssrc=500))
    assert bundle.video.receive()[0] == rtp(3, payload_type=99, ssrc=500)
    bundle.say(with_mid(rtp(4), b"gone"))
    bundle.say(rtp(5))
    assert bundle.audio.receive()[0] == rtp(5)
    assert bundle.video.has_nothing()
    first = {event.port for event in next_events(relay, 2) if isinstance(event, FirstHeard)}
    assert first == {bundle.first.id, bundle.second.id}
    assert relay.totals(bundle.first).heard_packets == 2
    assert relay.totals(bundle.second).heard_packets == 3


def test_what_phones_send_leaves_on_the_one_transport(relay: Relay, peer: Peers) -> None:
    bundle = Bundle(relay, peer)
    for number in range(60):  # longer than until a socket of its own is connected to the browser
        bundle.audio.send(bundle.phones[0], rtp(number, ssrc=1))
        assert bundle.heard() == rtp(number, ssrc=1)
        bundle.video.send(bundle.phones[1], rtp(number, payload_type=96, ssrc=2))
        assert bundle.heard() == rtp(number, payload_type=96, ssrc=2)
    assert relay.totals(bundle.first).sent_packets == 60
    assert relay.totals(bundle.second).sent_packets == 60
    assert relay.counters()["sent_packets"] == 120


def test_feedback_reaches_the_phone_whose_stream_it_is_about(relay: Relay, peer: Peers) -> None:
    bundle = Bundle(relay, peer)
    bundle.say(rtp(1, ssrc=1))
    bundle.audio.receive()
    bundle.audio.send(bundle.phones[0], rtp(1, ssrc=11))
    bundle.video.send(bundle.phones[1], rtp(1, payload_type=96, ssrc=22))
    bundle.heard(), bundle.heard()
    bundle.report(pli(1, 22))
    assert bundle.video.receive()[0] == pli(1, 22)
    both = struct.pack("!BBHI", 0x82, 201, 13, 1) + b"".join(struct.pack("!I20x", ssrc) for ssrc in (11, 22))
    bundle.report(both)
    assert bundle.video.receive()[0] == both
    assert bundle.audio.receive()[0] == both
    bundle.report(rtcp(500))
    assert bundle.video.receive()[0] == rtcp(500)
    assert bundle.audio.has_nothing()


def ccfb(sender: int, *streams: int) -> bytes:
    """Congestion control feedback: one packet of each stream came (RFC 8888 section 3.1)."""
    blocks = b"".join(struct.pack("!IHHHH", ssrc, 1, 1, 0x8001, 0) for ssrc in streams)
    return struct.pack("!BBHI", 0x80 | 11, 205, 2 + len(blocks) // 4, sender) + blocks + struct.pack("!I", 77)


def test_congestion_feedback_reaches_the_sender_of_each_stream_as_it_was_written(relay: Relay, peer: Peers) -> None:
    bundle = Bundle(relay, peer)
    bundle.say(rtp(1, ssrc=1))
    bundle.audio.receive()
    bundle.audio.send(bundle.phones[0], rtp(1, ssrc=11))
    bundle.video.send(bundle.phones[1], rtp(1, payload_type=96, ssrc=22))
    bundle.heard(), bundle.heard()
    bundle.report(ccfb(1, 22))
    assert bundle.video.receive()[0] == ccfb(1, 22)
    assert bundle.audio.has_nothing()
    bundle.report(ccfb(1, 11, 22))
    assert bundle.audio.receive()[0] == bundle.video.receive()[0] == ccfb(1, 11, 22)


def test_congestion_feedback_passes_between_two_bundles_once(relay: Relay, peer: Peers) -> None:
    alice, bob = Bundle(relay, peer), Bundle(relay, peer)
    for mine, theirs in ((alice.first, bob.first), (alice.second, bob.second)):
        relay.route(mine, theirs)
        relay.route(theirs, mine)
    bob.say(rtp(1, ssrc=11))
    bob.say(rtp(1, ssrc=500, payload_type=96))
    alice.heard(), alice.heard()
    alice.report(ccfb(1, 11, 500))
    alice.report(rtcp(3))
    reports = [bob.keys.opener.unprotect_rtcp(bob.browser.receive()[0]) for _ in range(2)]
    assert reports == [ccfb(1, 11, 500), rtcp(3)]


def test_between_two_bundles_a_report_passes_once(relay: Relay, peer: Peers) -> None:
    alice, bob = Bundle(relay, peer), Bundle(relay, peer)
    for mine, theirs in ((alice.first, bob.first), (alice.second, bob.second)):
        relay.route(mine, theirs)
        relay.route(theirs, mine)
    bob.say(rtp(1, ssrc=11))
    bob.say(rtp(1, ssrc=500, payload_type=96))
    alice.heard(), alice.heard()
    both = struct.pack("!BBHI", 0x82, 201, 13, 1) + b"".join(struct.pack("!I20x", ssrc) for ssrc in (11, 500))
    alice.report(both)
    alice.report(rtcp(3))
    reports = [bob.keys.opener.unprotect_rtcp(bob.browser.receive()[0]) for _ in range(2)]
    assert reports == [both, rtcp(3)]


def test_a_browser_that_needs_the_mid_gets_it(relay: Relay, peer: Peers) -> None:
    bundle = Bundle(relay, peer, stamp=True)
    bundle.video.send(bundle.phones[1], rtp(1, payload_type=96, ssrc=2))
    assert bundle.heard() == with_mid(rtp(1, payload_type=96, ssrc=2), b"1")


def test_strangers_are_not_heard_on_any_section(relay: Relay, peer: Peers) -> None:
    bundle, stranger = Bundle(relay, peer), peer("127.0.0.66")
    stranger.send(bundle.first, bundle.keys.sealer.protect(rtp(1, payload_type=96)))
    bundle.browser.send(bundle.first, rtp(1, payload_type=96))
    bundle.say(rtp(2))
    assert bundle.audio.receive()[0] == rtp(2)
    assert bundle.video.has_nothing()
    assert relay.totals(bundle.first).strangers == 1
    assert relay.totals(bundle.first).unauthentic == 1


def test_a_section_closes_and_the_transport_goes_on(relay: Relay, peer: Peers) -> None:
    bundle = Bundle(relay, peer)
    relay.close(bundle.second)
    with pytest.raises(KeyError):
        relay.totals(bundle.second)
    bundle.say(rtp(1))
    assert bundle.audio.receive()[0] == rtp(1)
    bundle.video.send(bundle.phones[1], rtp(1, payload_type=96))
    bundle.audio.send(bundle.phones[0], rtp(1, ssrc=4))
    assert bundle.heard() == rtp(1, ssrc=4)
    again = relay.share(bundle.first)
    assert (again.rtp, again.host) == (bundle.first.rtp, bundle.first.host)


NUMBERED = [(72, 8000, "PCMA"), (96, 90000, "VP8")]


def with_type(packet: bytes, payload_type: int) -> bytes:
    return bytes([packet[0], packet[1] & 0x80 | payload_type]) + packet[2:]


def test_sections_are_told_apart_by_the_numbers_that_the_peer_has_for_them(relay: Relay, peer: Peers) -> None:
    """The browser knows 72 of the first section and 96 of the second by other numbers."""
    bundle = Bundle(relay, peer)
    for section, pairs in ((bundle.first, [(100, 72)]), (bundle.second, [(101, 96)])):
        relay.expect(section, rtp=None, mux=True, ice=True, formats=NUMBERED)
        relay.renumber(section, pairs)
    for theirs, ours, phone, port in (
        (100, 72, bundle.audio, bundle.phones[0]),
        (101, 96, bundle.video, bundle.phones[1]),
    ):
        relay.expect(port, rtp=phone.address, mux=False, formats=NUMBERED)
        said = rtp(7, payload_type=theirs, ssrc=theirs)
        bundle.say(said)
        assert phone.receive()[0] == with_type(said, ours)
        phone.send(port, rtp(8, payload_type=ours, ssrc=ours))
        assert bundle.heard() == with_type(rtp(8, payload_type=ours, ssrc=ours), theirs)
    assert relay.totals(bundle.first).heard_packets == relay.totals(bundle.second).heard_packets == 1


def test_a_section_alone_is_marked_too_where_its_peer_wants_it(relay: Relay, peer: Peers) -> None:
    browser, phone = peer(), peer()
    towards = relay.open("127.0.0.1", LOW, HIGH)
    port = relay.open("127.0.0.1", LOW, HIGH)
    relay.renumber(towards, [(100, 8)])
    for one, other, who in ((towards, port, browser), (port, towards, phone)):
        relay.expect(one, rtp=who.address, mux=True, formats=PCMA)
        relay.route(one, other)
    phone.send(port, rtp(1))
    assert browser.receive()[0] == with_type(rtp(1), 100)
    relay.identify(towards, "0", extension=MID_ID, stamp=True)
    phone.send(port, rtp(2))
    assert browser.receive()[0] == with_mid(with_type(rtp(2), 100), b"0")
    browser.send(towards, with_type(rtp(3), 100))
    assert phone.receive()[0] == rtp(3)
    relay.renumber(towards, [])
    phone.send(port, rtp(4))
    assert browser.receive()[0] == with_mid(rtp(4), b"0")
    with pytest.raises(ValueError, match="127"):
        relay.renumber(towards, [(128, 8)])
