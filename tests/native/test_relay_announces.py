"""An announcement over the relay: what each side hears of it, of the other meanwhile, and after it."""

import struct
from pathlib import Path

import pytest
from tests.native.captures import read_pcap
from tests.native.rtp_peers import HIGH, LOW, PCMA, Peer, Peers, next_events, rtcp, rtp
from tests.native.test_relay_bundle import Bundle
from tests.native.test_relay_recording import closed
from tests.native.test_relay_srtp import SUITES, Bridge, Secured

from talkpath._native import Announced, Clip, Recorder, Relay

NARROW = [8000, -8000] * 240
CLIP = Clip(NARROW, [0] * 960)
PACKETS = 3
KEYS = 101


class Numbers:
    """An RTP packet, read."""

    def __init__(self, data: bytes) -> None:
        _, second, self.sequence, self.timestamp, self.ssrc = struct.unpack_from("!BBHII", data)
        self.marker, self.payload_type = bool(second & 0x80), second & 0x7F
        self.payload = data[12:]


class Pair:
    """Two phones that hear each other."""

    def __init__(self, relay: Relay, peers: Peers) -> None:
        self.relay = relay
        self.one, self.two = peers(), peers()
        self.ports = [relay.open("127.0.0.1", LOW, HIGH) for _ in range(2)]
        for port, phone, other in zip(self.ports, (self.one, self.two), reversed(self.ports), strict=True):
            relay.expect(port, rtp=phone.address, mux=True, formats=PCMA)
            relay.route(port, other)

    def talk(self, sequence: int) -> None:
        """Each says something, and hears it."""
        self.one.send(self.ports[0], rtp(sequence, ssrc=1))
        self.two.send(self.ports[1], rtp(sequence, ssrc=2))
        for phone in (self.one, self.two):
            phone.receive()


def heard(phone: Peer, count: int) -> list[Numbers]:
    return [Numbers(phone.receive()[0]) for _ in range(count)]


def test_both_sides_hear_it_in_the_stream_of_the_other_who_goes_on_behind_it(relay: Relay, peer: Peers) -> None:
    pair = Pair(relay, peer)
    for port in pair.ports:
        relay.announce(port, CLIP, [(8, "PCMA")], events=[KEYS])
    pair.talk(65_534)
    for phone, ssrc in ((pair.one, 2), (pair.two, 1)):
        ours = heard(phone, PACKETS)
        assert [one.sequence for one in ours] == [65_535, 0, 1]
        assert [one.timestamp for one in ours] == [(65_534 + at) * 160 for at in (1, 2, 3)]
        assert [(one.ssrc, one.payload_type, one.marker) for one in ours] == [
            (ssrc, 8, True), (ssrc, 8, False), (ssrc, 8, False)
        ]  # fmt: skip
        assert len(set(ours[0].payload)) == 2
    told = next_events(relay, 4)
    assert sorted((one.port, one.seconds) for one in told if isinstance(one, Announced)) == [
        (port.id, 0.06) for port in pair.ports
    ]
    # Meanwhile each sent nothing, so that its next number is one of ours.
    pair.one.send(pair.ports[0], rtp(65_535, ssrc=1, timestamp=65_538 * 160))
    (next_one,) = heard(pair.two, 1)
    assert (next_one.sequence, next_one.timestamp, next_one.marker) == (2, 65_538 * 160, True)
    assert next_one.payload == rtp(0)[12:]


def test_keys_are_heard_meanwhile_and_words_are_not(relay: Relay, peer: Peers) -> None:
    pair = Pair(relay, peer)
    relay.announce(pair.ports[1], Clip(NARROW * 4, [0] * 3840), [(8, "PCMA")], events=[KEYS])
    pair.talk(10)
    (first,) = heard(pair.two, 1)
    assert first.sequence == 11
    pair.one.send(pair.ports[0], rtp(11, ssrc=1))
    pair.one.send(pair.ports[0], rtp(12, ssrc=1, payload_type=KEYS, timestamp=1760, payload=b"\x05\x0a\x00\xa0"))
    rest = heard(pair.two, 4 * PACKETS)
    assert [one.sequence for one in rest] == list(range(12, 12 + len(rest)))
    keys = [one for one in rest if one.payload_type == KEYS]
    assert [(one.timestamp, one.payload) for one in keys] == [(1760, b"\x05\x0a\x00\xa0")]
    assert all(one.payload_type in (8, KEYS) and one.payload != rtp(11)[12:] for one in rest)
    pair.two.send(pair.ports[1], rtp(11, ssrc=2))
    assert pair.one.receive()[0] == rtp(11, ssrc=2), "the other side hears no difference"


@pytest.mark.parametrize("suite", SUITES)
def test_it_is_sealed_for_who_is_encrypted_and_no_index_is_used_twice(relay: Relay, peer: Peers, suite: str) -> None:
    bridge = Bridge(relay, peer, Secured(suite))
    relay.announce(bridge.secured, CLIP, [(8, "PCMA")])
    bridge.keys.agree(relay, bridge.secured)
    bridge.say(rtp(1))
    bridge.phone.receive()
    bridge.phone.send(bridge.plain, rtp(65_535, ssrc=9))
    for at, sequence in enumerate((65_535, 0, 1, 2)):
        # Its opener refuses an index that was used, and a rollover counter that is wrong.
        opened = Numbers(bridge.keys.opener.unprotect(bridge.browser.receive()[0]))
        assert (opened.ssrc, opened.sequence, opened.timestamp) == (9, sequence, (65_535 + at) * 160)
    bridge.phone.send(bridge.plain, rtp(2, ssrc=9, timestamp=(65_535 + 4) * 160))
    assert Numbers(bridge.keys.opener.unprotect(bridge.browser.receive()[0])).sequence == 3


def test_reports_are_in_the_numbers_of_who_reads_them(relay: Relay, peer: Peers) -> None:
    pair = Pair(relay, peer)
    relay.announce(pair.ports[1], CLIP, [(8, "PCMA")])
    pair.talk(10)
    heard(pair.two, PACKETS)
    pair.one.send(pair.ports[0], rtp(11, ssrc=1, timestamp=2240))
    assert heard(pair.two, 1)[0].sequence == 14
    block = struct.pack("!IIIIII", 1, 0, 14, 0, 0, 0)
    pair.two.send(pair.ports[1], struct.pack("!BBHI", 0x81, 201, 7, 2) + block)
    assert pair.one.receive()[0][8:] == struct.pack("!IIIIII", 1, 0, 11, 0, 0, 0)
    report = struct.pack("!BBHIQIII", 0x80, 200, 6, 1, 0, 2240, 2, 320)
    pair.one.send(pair.ports[0], report)
    assert pair.two.receive()[0] == struct.pack("!BBHIQIII", 0x80, 200, 6, 1, 0, 2240, 5, 320 + 3 * 160)
    pair.one.send(pair.ports[0], rtcp(1))
    assert pair.two.receive()[0] == rtcp(1)


@pytest.mark.parametrize(("codec", "number", "ticks"), [("G722", 9, 160), ("opus", 96, 960)])
def test_a_side_that_is_converted_for_hears_it_in_its_codec(
    relay: Relay, peer: Peers, codec: str, number: int, ticks: int
) -> None:
    pair = Pair(relay, peer)
    relay.expect(pair.ports[1], rtp=pair.two.address, mux=True, formats=[(number, 50 * ticks, codec)])
    relay.transcode(pair.ports[0], [(8, 8000, "PCMA", None)], number, codec)
    relay.transcode(pair.ports[1], [(number, 50 * ticks, codec, None)], 8, "PCMA")
    pair.two.send(pair.ports[1], rtp(5, payload_type=number, payload=b"\x08" * 160))
    pair.one.receive()
    pair.one.send(pair.ports[0], rtp(10, ssrc=1))
    (before,) = heard(pair.two, 1)
    relay.announce(pair.ports[1], CLIP, [(number, codec)])
    pair.one.send(pair.ports[0], rtp(11, ssrc=1))
    got = heard(pair.two, 1 + PACKETS)
    pair.one.send(pair.ports[0], rtp(12, ssrc=1, timestamp=15 * 160))
    got += heard(pair.two, 1)
    assert {(one.ssrc, one.payload_type) for one in got} == {(before.ssrc, number)}
    assert [one.sequence for one in got] == [(before.sequence + at) & 0xFFFF for at in range(1, len(got) + 1)]
    assert got[PACKETS].timestamp == (before.timestamp + (1 + PACKETS) * ticks) & 0xFFFFFFFF


def test_a_section_of_a_bundle_hears_it_marked_as_its_own(relay: Relay, peer: Peers) -> None:
    bundle = Bundle(relay, peer, stamp=True)
    for section, mid in ((bundle.first, b"0"), (bundle.second, b"1")):
        relay.announce(section, CLIP, [(8, "PCMA")])
        packets = [bundle.heard() for _ in range(PACKETS)]
        assert [(packet[0] & 0x10, packet[17:18]) for packet in packets] == [(0x10, mid)] * PACKETS
        assert len({Numbers(packet).ssrc for packet in packets}) == 1


def test_a_recording_has_it_as_it_went(relay: Relay, peer: Peers, tmp_path: Path) -> None:
    recorder = Recorder(epoch=1_000_000.0)
    made = recorder.open(tmp_path / "a.pcap", "raw")
    pair = Pair(relay, peer)
    for port in pair.ports:
        relay.tee(port, made)
    relay.announce(pair.ports[0], CLIP, [(8, "PCMA")])
    pair.talk(10)
    ours = heard(pair.one, PACKETS)
    next_events(relay, 3)
    made.close()
    closed(recorder)
    taken = read_pcap(tmp_path / "a.pcap")
    recorder.shutdown()
    sent = [one for one in taken if one.source == (pair.ports[0].host, pair.ports[0].rtp)]
    assert [Numbers(one.data).payload for one in sent] == [one.payload for one in ours]
    assert {one.local for one in sent} == {pair.one.address}


def test_what_cannot_be_said_is_an_error(relay: Relay) -> None:
    port = relay.open("127.0.0.1", LOW, HIGH)
    with pytest.raises(ValueError, match="one at least"):
        relay.announce(port, CLIP, [])
    with pytest.raises(ValueError, match="converted"):
        relay.announce(port, CLIP, [(18, "G729")])
    with pytest.raises(ValueError, match="same samples"):
        Clip([1, 2], [1])
    relay.announce(port, None, [])
    relay.close(port)
    with pytest.raises(KeyError):
        relay.announce(port, CLIP, [(8, "PCMA")])
