"""RTP summarised: loss, reordering, jitter, drift, loudness, digits, and what is no loss at all."""

import itertools
import math
import random
import struct
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from talkpath.base.address import Address
from talkpath.capture.export import StreamKey, rtp_packets, save_frames
from talkpath.capture.reader import Feed, read
from talkpath.capture.records import DtlsSeen, Record, RtpStream, SipSeen

from . import wire

Reading = Callable[[bytes], list[Record]]
Sent = tuple[float, bytes]

A, B = "192.0.2.1", "192.0.2.2"
SILENCE_MU, SILENCE_A = b"\xff" * 160, b"\xd5" * 160


def mu_law(samples: Iterable[float]) -> bytes:
    """ITU-T G.711 table 2a, of samples from -1 to 1."""
    out = bytearray()
    for sample in samples:
        value = int(abs(sample) * 32635)
        magnitude = min(value, 32635) + 132
        exponent = magnitude.bit_length() - 8
        code = exponent << 4 | (magnitude >> (exponent + 3)) & 0x0F
        out.append(~(code | (0x80 if sample < 0 else 0)) & 0xFF)
    return bytes(out)


def tone(amplitude: float, packet: int, size: int = 160) -> bytes:
    return mu_law(amplitude * math.sin(2 * math.pi * 440 * (packet * size + i) / 8000) for i in range(size))


def sending(count: int, payload: Callable[[int], bytes] = lambda i: SILENCE_MU, **fields: int) -> list[Sent]:
    """A packet every 20 ms."""
    return [(i * 0.02, wire.rtp(1000 + i, i * 160, payload(i), **fields)) for i in range(count)]


def capture(packets: Iterable[Sent], port: int = 4000, before: Iterable[bytes] = ()) -> bytes:
    frames = [(wire.START, wire.ethernet(wire.ipv4(B, A, 17, wire.udp(5060, 5060, sip)))) for sip in before]
    for time, data in packets:
        frames.append((wire.START + time, wire.ethernet(wire.ipv4(A, B, 17, wire.udp(7000, port, data)))))
    return wire.pcap(frames)


def streams(found: list[Record]) -> list[RtpStream]:
    return [r for r in found if isinstance(r, RtpStream)]


def one(found: list[Record]) -> RtpStream:
    (stream,) = streams(found)
    return stream


def announcing(**options: str) -> bytes:
    return wire.sip_request("INVITE", body=wire.sdp(B, 4000, **options))  # type: ignore[arg-type]


def test_healthy_stream(records: Reading) -> None:
    stream = one(records(capture(sending(500))))
    assert (stream.packets, stream.lost, stream.late, stream.reordered, stream.duplicates) == (500, 0, 0, 0, 0)
    assert (stream.encoding, stream.clock_hz, stream.ptime_ms, stream.expected) == ("PCMU", 8000, 20.0, 500)
    assert stream.jitter_ms < 0.01
    assert stream.rate_hz == pytest.approx(8000, rel=0.01)
    assert (stream.lost_runs, stream.effective_runs, stream.gaps) == ((), (), ())
    assert sum(stream.delay_bins) == stream.delay_bins[0] == 500
    seconds = list(stream.seconds())
    assert [s.packets for s in seconds] == [50] * 10
    assert [s.time for s in seconds] == [wire.START + i for i in range(10)]
    assert (stream.first_frame, stream.last_frame, stream.start) == (1, 500, wire.START)


@given(st.integers(0, 2**32 - 1), st.integers(0, 65535), st.integers(0, 2**32 - 1), st.floats(0, 0.3))
def test_loss_is_what_was_left_out(seed: int, first: int, timestamp: int, share: float) -> None:
    dice = random.Random(seed)
    kept = [i for i in range(400) if i < 5 or i > 394 or dice.random() >= share]
    feed = Feed()
    for i in kept:
        data = wire.rtp(first + i, timestamp + i * 160, SILENCE_MU)
        feed.packet(wire.RAW, wire.START + i * 0.02, wire.ipv4(A, B, 17, wire.udp(7000, 4000, data)))
    stream = one(feed.finish())
    runs: dict[int, int] = {}
    for a, b in itertools.pairwise(kept):
        if b - a > 1:
            runs[b - a - 1] = runs.get(b - a - 1, 0) + 1
    assert stream.lost == 400 - len(kept)
    assert dict(stream.lost_runs) == dict(stream.effective_runs) == runs
    assert sum(s.lost for s in stream.seconds()) == stream.lost
    assert stream.restarts == 0


@given(st.integers(0, 2**32 - 1))
def test_reordered_packets_are_not_lost(seed: int) -> None:
    dice = random.Random(seed)
    packets = sending(300)
    order = sorted(range(300), key=lambda i: i + dice.uniform(0, 6) if 5 < i < 290 else i)
    feed = Feed()
    for at, i in enumerate(order):
        feed.packet(wire.RAW, wire.START + at * 0.02, wire.ipv4(A, B, 17, wire.udp(7000, 4000, packets[i][1])))
    stream = one(feed.finish())
    assert (stream.packets, stream.lost, stream.duplicates, stream.lost_runs) == (300, 0, 0, ())
    highest, expected = -1, 0
    for i in order:
        expected += i < highest
        highest = max(highest, i)
    assert stream.reordered == expected


def test_packets_captured_twice_are_duplicates(records: Reading) -> None:
    doubled = [p for packet in sending(100) for p in (packet, packet)]
    stream = one(records(capture(doubled)))
    assert (stream.packets, stream.duplicates, stream.lost, stream.expected) == (100, 100, 0, 100)
    assert [use.packets for use in stream.payload_types] == [100]
    assert stream.payload_bytes == one(records(capture(sending(100)))).payload_bytes


def test_silence_captured_twice_is_silence(records: Reading) -> None:
    """A capture on every interface of a router sees each packet come and go."""
    stream = one(records(capture([p for packet in sending(100) for p in (packet, packet)])))
    assert [second.flat for second in stream.seconds()] == [second.packets for second in stream.seconds()]
    assert sum(second.packets for second in stream.seconds()) == 100


def test_sequence_wraps(records: Reading) -> None:
    packets = [(i * 0.02, wire.rtp(65530 + i, 2**32 - 500 + i * 160, SILENCE_MU)) for i in range(50)]
    stream = one(records(capture(packets)))
    assert (stream.lost, stream.restarts) == (0, 0)
    assert stream.jitter_ms < 0.01


def test_sender_that_starts_anew_loses_nothing(records: Reading) -> None:
    again = [(t + 4, wire.rtp(30_000 + i, 9_000_000 + i * 160, SILENCE_MU)) for i, (t, _) in enumerate(sending(100))]
    stream = one(records(capture(sending(100) + again)))
    assert (stream.restarts, stream.lost, stream.packets) == (1, 0, 200)


def test_jitter_is_rfc_3550s(records: Reading) -> None:
    dice = random.Random(1)
    packets = [(t + dice.uniform(0, 0.03), data) for t, data in sending(1500)]
    packets.sort()
    jitter, worst, last = 0.0, 0.0, None
    highest = -1
    for time, data in packets:
        sequence, timestamp = struct.unpack("!HI", data[2:8])
        transit = round((wire.START + time) * 1e6) / 1e6 - timestamp / 8000
        if last is not None:
            jitter += (abs(transit - last) - jitter) / 16
        last, highest = transit, max(highest, sequence)
        worst = max(worst, jitter)
    stream = one(records(capture(packets)))
    assert stream.jitter_max_ms == pytest.approx(worst * 1000, rel=0.01)
    assert sum(stream.delay_bins[:5]) == 1500


def test_packets_too_late_for_the_jitter_buffer(records: Reading) -> None:
    packets = [(t + (0.12 if i % 50 == 25 else 0), data) for i, (t, data) in enumerate(sending(500))]
    stream = one(records(capture(sorted(packets))))
    assert (stream.lost, stream.late, stream.jitter_buffer_ms) == (0, 10, 80)
    assert stream.effective_runs == ((1, 10),)
    assert stream.lost_runs == ()


@pytest.mark.parametrize("stall_s", [0.7, 1.5, 4.0])
def test_packets_that_the_network_held_back_came_too_late(records: Reading, stall_s: float) -> None:
    """What was sent during the stall comes at its end, a packet each millisecond."""
    held = [
        max(time, 4.0 + stall_s + (time - 4.0) / 20) if 4.0 <= time < 4.0 + stall_s else time
        for time, _ in sending(600)
    ]
    stream = one(records(capture([(at, data) for at, (_, data) in zip(held, sending(600), strict=True)])))
    assert (stream.lost, stream.late) == (0, 15)
    (bad,) = [second for second in stream.seconds() if second.late]
    assert bad.gap_ms == pytest.approx(1000 * stall_s + 20, abs=25)
    assert sum(stream.delay_bins) == 600


@pytest.mark.parametrize("pause_s", [0.7, 1.5, 4.0])
def test_a_sender_that_stood_still_was_not_held_back(records: Reading, pause_s: float) -> None:
    """Its timestamps stand still too, and what follows comes at its usual pace."""
    packets = [(time if time < 4.0 else time + pause_s, data) for time, data in sending(600)]
    stream = one(records(capture(packets)))
    assert (stream.lost, stream.late) == (0, 15 if pause_s < 1.0 else 0)


@pytest.mark.parametrize("ppm", [-200, -30, 0, 50, 300])
def test_clock_drift(records: Reading, ppm: int) -> None:
    dice = random.Random(2)
    packets = []
    for i, (_, data) in enumerate(sending(3000)):
        packets.append((i * 0.02 / (1 + ppm / 1e6) + dice.expovariate(500), data))
    stream = one(records(capture(sorted(packets))))
    assert stream.drift_ppm == pytest.approx(ppm, abs=15)


def test_silence_suppression_is_a_pause_and_no_loss(records: Reading) -> None:
    talk = sending(100)
    later = [(5 + i * 0.02, wire.rtp(1100 + i, 40_000 + i * 160, SILENCE_MU, marker=i == 0)) for i in range(100)]
    stream = one(records(capture(talk + later)))
    assert (stream.lost, stream.paused, stream.markers) == (0, 1, 1)
    (gap,) = stream.gaps
    assert (gap.frame, gap.lost) == (101, 0)
    assert gap.end - gap.start == pytest.approx(3.02, abs=0.001)
    assert stream.jitter_max_ms < 1


def test_network_that_went_away(records: Reading) -> None:
    packets = [p for i, p in enumerate(sending(400)) if not 100 <= i < 250]
    stream = one(records(capture(packets)))
    assert (stream.lost, stream.lost_runs) == (150, ((150, 1),))
    assert [(g.lost, round(g.end - g.start, 2)) for g in stream.gaps] == [(150, 3.02)]


def test_levels(records: Reading) -> None:
    stream = one(records(capture(sending(50, lambda i: tone(0.1, i)) + [(t + 1, d) for t, d in ()])))
    # A sine of amplitude 0.1 has a power 23 dB below full scale.
    assert stream.level_dbov == pytest.approx(-23.0, abs=0.3)
    assert [round(s.level_dbov) for s in stream.seconds()] == [-23]
    assert (stream.flat, stream.clipped) == (0, 0)


@pytest.mark.parametrize(
    ("payload_type", "payload"), [(0, SILENCE_MU), (8, SILENCE_A), (0, b"\x7f" * 160), (0, b"\x80" * 160)]
)
def test_straight_line(records: Reading, payload_type: int, payload: bytes) -> None:
    stream = one(records(capture(sending(50, lambda _: payload, payload_type=payload_type))))
    assert stream.flat == 50
    if payload in (SILENCE_MU, SILENCE_A):
        assert stream.level_dbov < -70


def test_clipping(records: Reading) -> None:
    stream = one(
        records(capture(sending(50, lambda i: mu_law(math.copysign(1, (n // 9) % 2 - 0.5) for n in range(160)))))
    )
    assert stream.clipped == 50 * 160
    assert stream.level_dbov > -0.5


def test_digits(records: Reading) -> None:
    def events(event: int, first: int, timestamp: int) -> Iterator[bytes]:
        for i in range(8):
            end = 0x80 if i >= 5 else 0
            payload = struct.pack("!BBH", event, end | 10, min(i + 1, 6) * 160)
            yield wire.rtp(first + i, timestamp, payload, payload_type=101, marker=i == 0)

    packets = [data for _, data in sending(50)]
    packets += [*events(5, 1050, 8000), *events(11, 1058, 9600)]
    packets += [wire.rtp(1066 + i, 11_200 + i * 160, SILENCE_MU) for i in range(50)]
    stream = one(records(capture([(i * 0.02, p) for i, p in enumerate(packets)])))
    assert [(d.digit, d.duration_ms, d.volume, d.frame) for d in stream.digits] == [
        ("5", 120, 10, 51),
        ("#", 120, 10, 59),
    ]
    assert stream.encoding == "PCMU"
    assert [u.encoding for u in stream.payload_types] == ["PCMU", "telephone-event"]
    assert sum(s.events for s in stream.seconds()) == 16


def test_comfort_noise(records: Reading) -> None:
    quiet = [(2 + i * 0.1, wire.rtp(1050 + i, 16_000 + i * 800, b"\x40", payload_type=13)) for i in range(10)]
    stream = one(records(capture(sending(50) + quiet)))
    assert sum(s.noise for s in stream.seconds()) == 10
    assert (stream.lost, stream.encoding) == (0, "PCMU")


def test_dynamic_types_are_named_by_sdp(records: Reading) -> None:
    invite = announcing(formats="111 126", lines="a=rtpmap:111 opus/48000/2\r\na=rtpmap:126 telephone-event/8000\r\n")
    packets = [(i * 0.02, wire.rtp(i, i * 960, b"o" * 80, payload_type=111)) for i in range(60)]
    stream = one(records(capture(packets, before=[invite])))
    assert (stream.encoding, stream.clock_hz, stream.ptime_ms, stream.media) == ("opus", 48_000, 20.0, "audio")
    assert (stream.is_announced, math.isnan(stream.level_dbov)) == (True, True)


def test_sdp_that_comes_after_the_media(records: Reading) -> None:
    packets = [(i * 0.02, wire.rtp(i, i * 960, b"o" * 80, payload_type=111)) for i in range(200)]
    data = (
        capture(packets[:3])
        + capture(packets[3:], before=[announcing(formats="111", lines="a=rtpmap:111 opus/48000/2\r\n")])[24:]
    )
    stream = one(records(data))
    assert (stream.encoding, stream.clock_hz, stream.is_announced) == ("opus", 48_000, True)


def test_clock_is_guessed_without_sdp(records: Reading) -> None:
    packets = [(i * 0.02, wire.rtp(i, i * 960, b"o" * 80, payload_type=111)) for i in range(200)]
    stream = one(records(capture(packets)))
    assert (stream.clock_hz, stream.ptime_ms, stream.is_announced) == (48_000, 20.0, False)


def test_one_announced_packet_is_a_stream(records: Reading) -> None:
    assert one(records(capture(sending(1), before=[announcing()]))).packets == 1


def test_noise_is_no_stream(tmp_path: Path) -> None:
    dice = random.Random(3)
    path = tmp_path / "a"
    path.write_bytes(capture([(i * 0.02, b"\x80" + dice.randbytes(171)) for i in range(200)]))
    assert streams(read(str(path))) == []


def test_stream_that_comes_again_after_long_silence_continues(records: Reading) -> None:
    other = [(t, wire.rtp(i, i * 160, SILENCE_MU, ssrc=5)) for i, t in enumerate(range(0, 1000, 2))]
    packets = sending(50) + [(t + 900, d) for t, d in sending(50)] + other
    found = streams(records(capture(sorted(packets), before=[announcing()])))
    assert {(s.ssrc, s.packets, s.continues) for s in found} == {(0x1234, 100, False), (5, 500, False)}
    apart = capture(sending(50)) + capture([(t + 900, d) for t, d in sending(50)])[24:]
    assert [(s.packets, s.continues) for s in streams(records(apart))] == [(50, False), (50, True)]


def test_new_ssrc_is_another_stream(records: Reading) -> None:
    found = records(capture(sending(50, ssrc=1) + [(t + 1, d) for t, d in sending(50, ssrc=2)]))
    assert [(s.ssrc, s.packets) for s in streams(found)] == [(1, 50), (2, 50)]


def test_encryption_by_profile_by_dtls_and_by_the_looks(records: Reading) -> None:
    noise = random.Random(4)
    by_profile = one(records(capture(sending(50), before=[announcing(profile="RTP/SAVP")])))
    assert (by_profile.is_encrypted, math.isnan(by_profile.level_dbov)) == (True, True)
    hello = bytes([22, 0xFE, 0xFD]) + b"\0" * 8 + b"\0\x0c" + b"\x0e" + b"\0" * 11
    found = records(capture([(0.0, hello), *sending(50)]))
    assert any(isinstance(r, DtlsSeen) for r in found)
    assert one(found).is_encrypted
    tagged = one(records(capture(sending(50, lambda _: noise.randbytes(170)))))
    assert (tagged.is_encrypted, math.isnan(tagged.level_dbov)) == (True, True)


ONE_BYTE = struct.pack("!HHBBH", 0xBEDE, 1, 0x10, 0x80 | 30, 0)
TWO_BYTE = struct.pack("!HHBBBB", 0x1000, 1, 1, 1, 0x80 | 30, 0)


def with_extension(extension: bytes) -> list[tuple[float, bytes]]:
    plain = [wire.rtp(i, i * 960, b"", payload_type=111) for i in range(50)]
    return [(i * 0.02, b"\x90" + packet[1:] + extension + b"o" * 80) for i, packet in enumerate(plain)]


@pytest.mark.parametrize("extension", [ONE_BYTE, TWO_BYTE], ids=["one-byte", "two-byte"])
def test_level_in_a_header_extension(records: Reading, extension: bytes) -> None:
    invite = announcing(
        profile="UDP/TLS/RTP/SAVPF",
        formats="111",
        lines="a=rtpmap:111 opus/48000/2\r\na=extmap:1 urn:ietf:params:rtp-hdrext:ssrc-audio-level\r\n",
    )
    stream = one(records(capture(with_extension(extension), before=[invite])))
    assert stream.is_encrypted
    assert [round(s.level_dbov) for s in stream.seconds()] == [-30]


def test_a_level_that_is_itself_encrypted_is_no_level(records: Reading) -> None:
    name = "urn:ietf:params:rtp-hdrext:encrypt urn:ietf:params:rtp-hdrext:ssrc-audio-level"
    lines = f"a=rtpmap:111 opus/48000/2\r\na=extmap:1 {name}\r\n"
    invite = announcing(profile="UDP/TLS/RTP/SAVPF", formats="111", lines=lines)
    stream = one(records(capture(with_extension(ONE_BYTE), before=[invite])))
    assert math.isnan(stream.level_dbov)


def test_sections_that_share_a_flow_are_told_apart(records: Reading) -> None:
    body = wire.sdp(B, 4000).replace(b"\r\nm=", b"\r\na=group:BUNDLE 0 1\r\nm=", 1) + (
        b"a=mid:0\r\nm=video 4000 RTP/AVP 96\r\na=mid:1\r\na=rtpmap:96 VP8/90000\r\n"
    )
    invite = wire.sip_request("INVITE", "bundle", body=body)
    audio = sending(50)
    video = [
        (t + 0.005, wire.rtp(i, i * 3000, b"v" * 900, ssrc=0x9, payload_type=96)) for i, (t, _) in enumerate(audio)
    ]
    found = [r for r in records(capture(sorted(audio + video), before=[invite])) if isinstance(r, RtpStream)]
    assert {(stream.ssrc, stream.media, stream.encoding) for stream in found} == {
        (0x1234, "audio", "PCMU"),
        (0x9, "video", "VP8"),
    }


def test_second_pass_gives_the_packets(records: Reading, tmp_path: Path) -> None:
    stream = one(records(capture(sending(20, lambda i: bytes([i]) * 160), before=[announcing()])))
    packets = list(rtp_packets([str(tmp_path / "a.pcap")], [StreamKey.of(stream)]))
    assert [(p.sequence, p.payload[0], len(p.payload)) for p in packets] == [(1000 + i, i, 160) for i in range(20)]
    assert packets[0].frame == 2


def test_second_pass_saves_a_call(records: Reading, tmp_path: Path) -> None:
    other = [(t, d) for t, d in sending(20, ssrc=9)]
    found = records(capture(sending(20) + other, before=[announcing(), wire.sip_request("OPTIONS", "other")]))
    invite = next(r for r in found if isinstance(r, SipSeen))
    first = next(s for s in streams(found) if s.ssrc == 0x1234)
    out = tmp_path / "out.pcap"
    assert save_frames(str(tmp_path / "a.pcap"), str(out), invite.frames, [StreamKey.of(first)]) == 21
    saved = read(str(out))
    assert [r.raw for r in saved if isinstance(r, SipSeen)] == [announcing()]
    again = one(saved)
    assert (again.src, again.packets, again.start, again.packed_seconds) == (
        Address(A, 7000),
        20,
        first.start,
        first.packed_seconds,
    )


def test_saved_packets_of_two_link_types_become_pcapng(records: Reading, tmp_path: Path) -> None:
    sip = wire.ipv4(A, B, 17, wire.udp(5060, 5060, wire.sip_request()))
    data = wire.section() + wire.interface(wire.ETHERNET) + wire.interface(wire.RAW)
    data += wire.enhanced(0, 10**6, wire.ethernet(sip)) + wire.enhanced(1, 3 * 10**6, sip)
    records(data)
    out = tmp_path / "out"
    assert save_frames(str(tmp_path / "a.pcap"), str(out), [1, 2]) == 2
    assert [(r.frame, r.time) for r in read(str(out)) if isinstance(r, SipSeen)] == [(1, 1.0), (2, 3.0)]
