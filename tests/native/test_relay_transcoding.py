"""A direction that is converted: what leaves in place of packets and reports; its beginning and end; keys."""

import struct
from collections.abc import Sequence

import pytest
from tests.native.rtp_peers import HIGH, LOW, Peer, Peers, rtp

from talkpath._native import Port, Relay, Srtp

SUITE = "AES_CM_128_HMAC_SHA1_80"
KEYS = (b"k" * 16, b"s" * 14), (b"K" * 16, b"S" * 14)
PCMA, PCMU = (8, 8000, "PCMA", None), (0, 8000, "PCMU", None)


def bridge(relay: Relay, one: Peer, two: Peer) -> tuple[Port, Port]:
    """PCMA at one side, PCMU at the other, RTCP beside RTP."""
    ports = relay.open("127.0.0.1", LOW, HIGH), relay.open("127.0.0.1", LOW, HIGH)
    for port, peer, format in zip(ports, (one, two), (PCMA, PCMU), strict=True):
        relay.expect(port, rtp=peer.address, mux=True, formats=[format[:3]])
    relay.transcode(ports[0], [PCMA], 0, "PCMU")
    relay.transcode(ports[1], [PCMU], 8, "PCMA")
    relay.route(ports[0], ports[1])
    relay.route(ports[1], ports[0])
    return ports


def words(packet: bytes) -> tuple[int, int, int, int]:
    """Payload type, sequence number, timestamp, source."""
    _, kind, sequence, timestamp, source = struct.unpack("!BBHII", packet[:12])
    return kind & 0x7F, sequence, timestamp, source


def talk(speaker: Peer, port: Port, listener: Peer, sequences: Sequence[int], payload_type: int = 8) -> list[bytes]:
    heard = []
    for sequence in sequences:
        speaker.send(port, rtp(sequence, payload_type=payload_type, payload=b"\xd5" * 160))
        heard.append(listener.receive()[0])
    return heard


def test_each_side_hears_its_own_codec_from_one_source(relay: Relay, peer: Peers) -> None:
    alice, bob = peer(), peer()
    a, b = bridge(relay, alice, bob)
    there, back = talk(alice, a, bob, range(5)), talk(bob, b, alice, range(5), 0)
    for heard, number in ((there, 0), (back, 8)):
        first = words(heard[0])
        assert [words(packet)[0] for packet in heard] == [number] * 5
        assert [(words(packet)[1] - first[1]) % 65536 for packet in heard] == list(range(5))
        assert [(words(packet)[2] - first[2]) % 2**32 for packet in heard] == [160 * n for n in range(5)]
        assert {words(packet)[3] for packet in heard} == {first[3]} != {0x1234}
    assert {packet[12:] for packet in there} == {b"\xfe" * 160}, "the smallest step of A-law is one of mu-law's"
    assert relay.totals(b).sent_packets == relay.totals(a).heard_packets == 5


def test_reports_are_about_our_streams(relay: Relay, peer: Peers) -> None:
    alice, bob = peer(), peer()
    a, b = bridge(relay, alice, bob)
    ours = words(talk(alice, a, bob, range(4))[-1])
    talk(bob, b, alice, [0, 1, 2], 0)
    alice.send(a, struct.pack("!BBHIQIII", 0x80, 200, 6, 0x1234, 77, 3 * 160, 4, 640))
    report = bob.receive()[0]
    kind, source, ntp, timestamp, packets, octets = struct.unpack("!BxxxIQIII", report[:28])
    assert (kind, source, ntp) == (0x81, ours[3], 77)
    assert (timestamp, packets, octets) == (ours[2], 4, 640)
    about, lost, highest = struct.unpack("!III", report[28:40])
    assert (about, lost, highest) == (0x1234, 0, 2)


def test_what_stops_to_be_converted_passes_and_goes_on_later(relay: Relay, peer: Peers) -> None:
    alice, bob = peer(), peer()
    a, b = bridge(relay, alice, bob)
    first = words(talk(alice, a, bob, [0])[0])
    relay.untranscode(a)
    relay.untranscode(b)
    assert talk(alice, a, bob, [1]) == [rtp(1)]
    relay.transcode(a, [PCMA], 0, "PCMU")
    again = words(talk(alice, a, bob, [2])[0])
    assert (again[1], again[3]) == ((first[1] + 1) % 65536, first[3])


def test_a_converted_stream_is_opened_and_sealed(relay: Relay, peer: Peers) -> None:
    alice, bob = peer(), peer()
    a, b = bridge(relay, alice, bob)
    relay.secure(a, SUITE, *KEYS)
    relay.secure(b, SUITE, *KEYS)
    sealer, opener = Srtp(SUITE, *KEYS[1]), Srtp(SUITE, *KEYS[0])
    for sequence in range(3):
        alice.send(a, sealer.protect(rtp(sequence)))
        assert words(opener.unprotect(bob.receive()[0]))[0] == 0


def test_what_a_plan_cannot_be_is_refused(relay: Relay) -> None:
    port = relay.open("127.0.0.1", LOW, HIGH)
    with pytest.raises(ValueError, match="unknown codec"):
        relay.transcode(port, [PCMA], 18, "G729")
    for packet_ms, codec in ((0, "PCMU"), (15, "PCMU"), (80, "G722"), (30, "opus")):
        with pytest.raises(ValueError, match="packets of"):
            relay.transcode(port, [PCMA], 0, codec, packet_ms=packet_ms)
    with pytest.raises(ValueError, match="payload type"):
        relay.transcode(port, [PCMA], 128, "PCMU")
