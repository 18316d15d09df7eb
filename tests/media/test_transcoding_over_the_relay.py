"""Two phones without a common codec talk through the real relay: what one says is held beside what the other hears.

The phones encode and decode with PyAV, an implementation that shares nothing with ours but, for Opus, the library.
"""

import base64
import itertools
import struct
from fractions import Fraction

import av
import numpy as np
import pytest
from numpy.typing import NDArray
from tests.media.browser import OURS
from tests.native.rtp_peers import Peer, Peers

from talkpath._native import Relay, Srtp
from talkpath.media import CALLER, Exchange, LegId, MediaAddress, MediaPolicy, MediaSession, Origin, Security
from talkpath.net.media import CallLeases, SecureRelay
from talkpath.sdp import SessionDescription

Samples = NDArray[np.float64]
HERE = Origin("127.0.0.1", False, (MediaAddress("127.0.0.1", "127.0.0.1"),))
BRANCH = LegId(1)
#: name in SDP -> payload type, RTP clock, rate of PyAV's samples, encoder and decoder of PyAV
CODECS = {
    "PCMU": (0, 8000, 8000, "pcm_mulaw", "pcm_mulaw"),
    "PCMA": (8, 8000, 8000, "pcm_alaw", "pcm_alaw"),
    "G722": (9, 8000, 16_000, "g722", "g722"),
    "opus": (111, 48_000, 48_000, "libopus", "libopus"),
}
PACKETS = 75
#: how far a tone stands above everything else at the other end, in dB: what the worse of the two codecs allows
PURITY_DB = {"PCMU": 33.0, "PCMA": 33.0, "G722": 33.0, "opus": 20.0}


def tone(hertz: float, rate: int, seconds: float = 1.5) -> Samples:
    return 0.3 * np.sin(2 * np.pi * hertz * np.arange(int(rate * seconds)) / rate)


def purity_db(samples: Samples, hertz: float, rate: int) -> float:
    """The tone against everything else, where it has settled."""
    settled = samples[rate // 4 : rate // 4 + rate]
    phase = 2 * np.pi * hertz * np.arange(len(settled)) / rate
    sine, cosine = np.sin(phase), np.cos(phase)
    fit = 2 * (settled @ sine * sine + settled @ cosine * cosine) / len(settled)
    return float(10 * np.log10(np.sum(fit**2) / np.sum((settled - fit) ** 2)))


class Phone:
    """Speaks one codec."""

    def __init__(self, peer: Peer, name: str, events: int | None = None) -> None:
        self.peer = peer
        self.name = name
        self.events = events
        self.payload_type, self.clock, self.rate, encoder, decoder = CODECS[name]
        self._encoder = _context(encoder, "w", self.rate)
        self._decoder = _context(decoder, "r", self.rate)

    def description(self, extra: str = "") -> bytes:
        host, port = self.peer.address
        rtpmaps = {self.payload_type: f"{self.name}/{self.clock}" + ("/2" if self.name == "opus" else "")}
        if self.events is not None:
            rtpmaps[self.events] = f"telephone-event/{self.clock}"
        lines = "".join(f"a=rtpmap:{number} {format}\r\n" for number, format in rtpmaps.items())
        return (
            f"v=0\r\no=- 1 1 IN IP4 {host}\r\ns=-\r\nc=IN IP4 {host}\r\nt=0 0\r\n"
            f"m=audio {port} RTP/AVP {' '.join(map(str, rtpmaps))}\r\n{lines}{extra}"
        ).encode()

    def packets(self, samples: Samples, first: int = 0) -> list[bytes]:
        size = self.rate // 50
        payloads = []
        for at in range(0, len(samples) - size + 1, size):
            frame = av.AudioFrame.from_ndarray(
                (samples[None, at : at + size] * 32767).astype(np.int16), "s16", "mono"
            )
            frame.sample_rate, frame.pts, frame.time_base = self.rate, at, Fraction(1, self.rate)
            payloads += [bytes(packet) for packet in self._encoder.encode(frame)]
        step = self.clock // 50
        return [
            struct.pack("!BBHII", 0x80, self.payload_type, first + n, (first + n) * step, 77) + payload
            for n, payload in enumerate(payloads)
        ]

    def decode(self, packets: list[bytes]) -> Samples:
        """What is heard in packets that follow each other, as they must."""
        numbers = [struct.unpack("!HII", packet[2:12]) for packet in packets]
        for (before, stamp, source), (number, after, other) in itertools.pairwise(numbers):
            assert (number - before) % 65536 == 1
            assert (after - stamp) % 2**32 % (self.clock // 100) == 0
            assert source == other
        assert all(packet[1] & 0x7F == self.payload_type for packet in packets)
        frames = [frame for packet in packets for frame in self._decoder.decode(av.Packet(packet[12:]))]
        return np.concatenate([_mono(frame) for frame in frames])


def _context(name: str, mode: str, rate: int) -> av.AudioCodecContext:
    context = av.CodecContext.create(name, mode)
    assert isinstance(context, av.AudioCodecContext)
    context.sample_rate, context.format, context.layout = rate, "s16", "mono"
    if name == "libopus" and mode == "w":
        context.bit_rate = 48_000
        context.options = {"application": "voip"}
    return context


def _mono(frame: av.AudioFrame) -> Samples:
    samples = frame.to_ndarray()
    scale = 32768 if samples.dtype == np.int16 else 1
    return samples.reshape(-1).astype(float) / scale


def connect(relay: Relay, caller: Phone, callee: Phone, extra: str = "") -> tuple[int, int]:
    """A call with offer and answer; our ports towards the caller and the callee."""
    session = MediaSession(CallLeases(relay, {}, "call"), MediaPolicy())
    offer, answer = caller.description(), callee.description(extra)
    invite = Exchange("INVITE", 1)
    to_callee = session.carry(offer, frm=CALLER, to=BRANCH, exchange=invite, origin=HERE, target=HERE, now=1.0)
    ok = Exchange("INVITE", 1, 200)
    to_caller = session.carry(answer, frm=BRANCH, to=CALLER, exchange=ok, origin=HERE, target=HERE, now=1.0)
    session.chosen(BRANCH, 1.0)
    return SessionDescription.parse(to_caller).media[0].port, SessionDescription.parse(to_callee).media[0].port


def exchange(
    speaker: Phone, listener: Phone, port: int, packets: list[bytes], count: int | None = None
) -> list[bytes]:
    """Each packet is said when the one before was heard."""
    heard = []
    for packet in packets:
        speaker.peer.socket.sendto(packet, ("127.0.0.1", port))
        if count is None:
            heard.append(listener.peer.receive()[0])
    while count is not None and len(heard) < count:
        heard.append(listener.peer.receive()[0])
    return heard


@pytest.mark.parametrize(("one", "other"), list(itertools.permutations(CODECS, 2)))
def test_a_tone_is_as_clean_as_the_worse_codec_allows(relay: Relay, peer: Peers, one: str, other: str) -> None:
    caller, callee = Phone(peer(), one), Phone(peer(), other)
    front, back = connect(relay, caller, callee)
    allowed = min(PURITY_DB[one], PURITY_DB[other])
    for speaker, listener, port in ((caller, callee, front), (callee, caller, back)):
        heard = listener.decode(exchange(speaker, listener, port, speaker.packets(tone(1000, speaker.rate))))
        assert purity_db(heard, 1000, listener.rate) > allowed
        level = np.sqrt(np.mean(heard[listener.rate // 2 :] ** 2)) / (0.3 / np.sqrt(2))
        assert abs(20 * np.log10(level)) < 1


@pytest.mark.parametrize(("wide", "narrow"), [("G722", "PCMA"), ("opus", "PCMU")])
def test_what_a_narrow_codec_cannot_carry_does_not_alias(relay: Relay, peer: Peers, wide: str, narrow: str) -> None:
    caller, callee = Phone(peer(), wide), Phone(peer(), narrow)
    front, _ = connect(relay, caller, callee)
    heard = callee.decode(exchange(caller, callee, front, caller.packets(tone(5500, caller.rate))))
    assert 20 * np.log10(np.sqrt(np.mean(heard[2000:] ** 2)) / 0.212) < -40


def test_a_wide_voice_stays_wide(relay: Relay, peer: Peers) -> None:
    caller, callee = Phone(peer(), "opus"), Phone(peer(), "G722")
    front, back = connect(relay, caller, callee)
    for speaker, listener, port in ((caller, callee, front), (callee, caller, back)):
        heard = listener.decode(exchange(speaker, listener, port, speaker.packets(tone(5500, speaker.rate))))
        assert purity_db(heard, 5500, listener.rate) > 10


@pytest.mark.parametrize("ptime_ms", [10, 30, 60])
def test_packets_have_the_length_that_the_hearer_wants(relay: Relay, peer: Peers, ptime_ms: int) -> None:
    caller, callee = Phone(peer(), "opus"), Phone(peer(), "PCMA")
    front, _ = connect(relay, caller, callee, f"a=ptime:{ptime_ms}\r\n")
    packets = caller.packets(tone(1000, caller.rate))
    heard = exchange(caller, callee, front, packets, PACKETS * 20 // ptime_ms)
    assert {len(packet) - 12 for packet in heard} == {8 * ptime_ms}
    assert purity_db(callee.decode(heard), 1000, 8000) > 20


@pytest.mark.parametrize(("one", "other"), [("PCMA", "opus"), ("opus", "PCMA"), ("G722", "PCMU")])
def test_lost_and_exchanged_packets_are_no_gaps(relay: Relay, peer: Peers, one: str, other: str) -> None:
    """One in fifteen is lost, one in ten changes places with the next."""
    caller, callee = Phone(peer(), one), Phone(peer(), other)
    front, _ = connect(relay, caller, callee)
    packets = caller.packets(tone(400, caller.rate))
    for n in range(10, 70, 10):
        packets[n], packets[n + 1] = packets[n + 1], packets[n]
    sent = [packet for n, packet in enumerate(packets) if n % 15 != 8]
    heard = callee.decode(exchange(caller, callee, front, sent, PACKETS))
    assert len(heard) >= callee.rate * 1.49
    loud = np.abs(heard[callee.rate // 4 :]).reshape(-1, callee.rate // 100).max(axis=1)
    assert loud.min() > 0.08


def test_a_side_of_a_converted_call_may_be_encrypted(relay: Relay, peer: Peers) -> None:
    """The callee offers SDES in its response; the caller answers in its ACK and speaks plain RTP."""
    caller, callee = Phone(peer(), "PCMA"), Phone(peer(), "G722")
    security = Security(SecureRelay(relay, lambda port: None), OURS, lambda count: b"k" * count)
    session = MediaSession(CallLeases(relay, {}, "call"), MediaPolicy(), security)
    crypto = f"a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:{'A' * 40}\r\n"
    offer, answer = callee.description(crypto).replace(b"RTP/AVP", b"RTP/SAVP"), caller.description()
    ok, ack = Exchange("INVITE", 1, 200), Exchange("ACK", 1)
    to_caller = session.carry(offer, frm=BRANCH, to=CALLER, exchange=ok, origin=HERE, target=HERE, now=1.0)
    to_callee = session.carry(answer, frm=CALLER, to=BRANCH, exchange=ack, origin=HERE, target=HERE, now=1.0)
    session.chosen(BRANCH, 1.0)
    line = SessionDescription.parse(to_callee).media[0].attributes.first("crypto")
    assert line is not None
    master = base64.b64decode(line.split("inline:")[1].split("|")[0])
    opener = Srtp("AES_CM_128_HMAC_SHA1_80", master[:16], master[16:])
    front = SessionDescription.parse(to_caller).media[0].port
    sealed = exchange(caller, callee, front, caller.packets(tone(1000, 8000)))
    heard = callee.decode([opener.unprotect(packet) for packet in sealed])
    assert purity_db(heard, 1000, callee.rate) > 33


def test_events_pass_on_the_clock_of_the_hearer(relay: Relay, peer: Peers) -> None:
    caller, callee = Phone(peer(), "opus", 110), Phone(peer(), "PCMA", 101)
    front, _ = connect(relay, caller, callee)
    exchange(caller, callee, front, caller.packets(tone(1000, caller.rate, 0.1)))
    event = struct.pack("!BBHIIBBH", 0x80, 0x80 | 110, 5, 5 * 960, 77, 7, 10, 1920)
    [heard] = exchange(caller, callee, front, [event])
    assert heard[1] == 0x80 | 101
    assert struct.unpack("!BBH", heard[12:]) == (7, 10, 320)


@pytest.mark.parametrize("name", ["PCMU", "PCMA", "G722"])
def test_keys_are_tones_for_who_takes_no_events(relay: Relay, peer: Peers, name: str) -> None:
    """100 ms of the key 7, as browsers tell it: in place of the voice, on its clock, with the end three times."""
    caller, callee = Phone(peer(), "opus", 110), Phone(peer(), name)
    front, _ = connect(relay, caller, callee)
    said = caller.packets(np.zeros(48_000))
    events = [
        struct.pack("!BBHIIBBH", 0x80, 110, 5 + n, 5 * 960, 77, 7, (n > 3) << 7 | 10, 960 * min(n + 1, 5))
        for n in range(7)
    ]
    said[5:10] = events
    later = [packet[:2] + struct.pack("!H", 12 + n) + packet[4:] for n, packet in enumerate(said[12:])]
    heard = exchange(caller, callee, front, said[:12] + later, 12 - 2 + len(later))
    samples = callee.decode(heard)
    key = samples[5 * callee.rate // 50 : 10 * callee.rate // 50]
    strength = {hertz: abs(key @ np.exp(2j * np.pi * hertz * np.arange(len(key)) / callee.rate)) for hertz in KEYS}
    assert sorted(strength, key=strength.__getitem__)[-2:] == [852, 1209]
    assert np.max(np.abs(samples[: 4 * callee.rate // 50])) < 0.01
    assert np.max(np.abs(samples[11 * callee.rate // 50 :])) < 0.01


# The rows and columns of Q.23, in Hz.
KEYS = (697, 770, 852, 941, 1209, 1336, 1477, 1633)
