"""What streams hold besides plain speech: keys, comfort noise, other sources, redundancy, wide codecs; and any
timeline that a network can make, against the truth."""

import math
import struct
import wave
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from talkpath.app.wav.command import Wishes, convert
from talkpath.audio.names import Names
from tests.audio.test_codecs_and_time import clicks
from tests.capture.wire import RAW, ipv4, pcap, rtp, udp

START = 1_700_000_000.0
SILENCE = b"\xff"
Packet = tuple[float, bytes]


def tone(count: int, rate: int, hertz: float = 500.0, size: float = 8000.0) -> "np.ndarray":
    return (size * np.sin(2 * np.pi * hertz * np.arange(count) / rate)).astype(int)


def mu_law(samples: Sequence[int]) -> bytes:
    from talkpath._native import mu_law as coded

    return coded(np.asarray(samples, "<i2").tobytes())


def converted(folder: Path, packets: Sequence[Packet], formats: str = "", names: Sequence[str] = ()) -> tuple:
    """The samples of who speaks, their rate, and what was said; `formats` are the lines of its description."""
    for place in ("pcaps", "metadata"):
        (folder / place).mkdir(exist_ok=True)
    path = folder / "pcaps" / "a-00.pcap"
    path.write_bytes(
        pcap([(at, ipv4("192.0.2.1", "192.0.2.2", 17, udp(4000, 5000, data))) for at, data in packets], link=RAW)
    )
    if formats:
        sdp = f"v=0\r\no=- 1 1 IN IP4 192.0.2.2\r\ns=-\r\nc=IN IP4 192.0.2.2\r\nt=0 0\r\n{formats}"
        head = "\nTimestamp started ms: 1700000000000.000\nSDP mode: answer\nSDP before RTP packet: 1\n\n"
        (folder / "metadata" / "rtpengine-meta-a-00.txt").write_bytes(f"{path}\n\n{head}{sdp}".encode())
    said = convert(str(path), Wishes(names=Names.parse(names)), lambda _done, _size: None)
    with wave.open(str(path.with_suffix(".wav"))) as file:
        both = np.frombuffer(file.readframes(file.getnframes()), "<i2").reshape(-1, 2).astype(int)
        return both[:, 0], file.getframerate(), [str(one) for one in said]


def peak(samples: "np.ndarray", rate: int, begin: float, end: float) -> int:
    return int(np.abs(samples[int(begin * rate) : int(end * rate)]).max(initial=0))


def strongest(samples: "np.ndarray", rate: int) -> float:
    return float(np.argmax(np.abs(np.fft.rfft(samples * np.hanning(len(samples))))) * rate / len(samples))


AUDIO = "m=audio 5000 RTP/AVP 0 101 13\r\na=rtpmap:101 telephone-event/8000\r\n"
WHOLE = mu_law(tone(24_000, 8000))


def speech(number: int) -> bytes:
    return WHOLE[number * 160 : number * 160 + 160]


def test_keys_are_silence_of_their_length(tmp_path: Path) -> None:
    """RFC 4733: their timestamps stand still, their sequence numbers go on, and their payload is no sound."""
    packets = [(START + n * 0.02, rtp(n, n * 160, speech(n))) for n in range(50)]
    for n in range(50, 100):
        event = struct.pack("!BBH", 5, 10, min(50, n - 49) * 160)
        packets.append((START + n * 0.02, rtp(n, 50 * 160, event, payload_type=101)))
    packets += [(START + n * 0.02, rtp(n, n * 160, speech(n))) for n in range(100, 150)]
    samples, rate, _ = converted(tmp_path, packets, AUDIO)
    assert (len(samples), rate) == (24_000, 8000)
    assert peak(samples, rate, 0.0, 0.9) > 7000
    assert peak(samples, rate, 1.0, 2.0) == 0
    assert peak(samples, rate, 2.0, 2.2) > 7000


def test_comfort_noise_is_silence_of_its_length(tmp_path: Path) -> None:
    packets = [(START + n * 0.02, rtp(n, n * 160, speech(n))) for n in range(50)]
    packets.append((START + 1.0, rtp(50, 50 * 160, b"\x14", payload_type=13)))
    packets += [(START + n * 0.02, rtp(n - 49, n * 160, speech(n))) for n in range(100, 150)]
    samples, rate, said = converted(tmp_path, packets, AUDIO)
    assert len(samples) == 24_000
    assert peak(samples, rate, 1.0, 2.0) == 0
    assert peak(samples, rate, 2.0, 2.2) > 7000
    assert len(said) == 1, "nothing to remark"


def test_another_source_goes_on_where_the_first_ends(tmp_path: Path) -> None:
    packets = [(START + n * 0.02, rtp(n, n * 160, speech(n), ssrc=1)) for n in range(75)]
    packets += [(START + n * 0.02, rtp(9_000 + n, 77 + n * 160, speech(n), ssrc=2)) for n in range(75, 150)]
    samples, rate, _ = converted(tmp_path, packets, AUDIO)
    assert len(samples) == 24_000
    assert abs(strongest(samples, rate) - 500) < 2
    assert min(peak(samples, rate, n / 100, n / 100 + 0.01) for n in range(299)) > 7000


@pytest.mark.parametrize(
    ("payload_type", "channels", "clock", "formats"),
    [
        (11, 1, 44_100, "m=audio 5000 RTP/AVP 11\r\n"),
        (10, 2, 44_100, "m=audio 5000 RTP/AVP 10\r\n"),
        (96, 1, 16_000, "m=audio 5000 RTP/AVP 96\r\na=rtpmap:96 L16/16000\r\n"),
    ],
)
def test_linear_sound(tmp_path: Path, payload_type: int, channels: int, clock: int, formats: str) -> None:
    samples, count = tone(clock, clock), clock // 50
    packets = [
        (
            START + n * 0.02,
            rtp(
                n,
                n * count,
                np.repeat(samples[n * count : (n + 1) * count], channels).astype(">i2").tobytes(),
                payload_type=payload_type,
            ),
        )
        for n in range(50)
    ]
    heard, rate, _ = converted(tmp_path, packets, formats)
    assert rate == (16_000 if clock == 16_000 else 48_000)
    assert abs(len(heard) / rate - 1.0) < 0.01
    assert abs(strongest(heard, rate) - 500) < 2
    assert 7500 < peak(heard, rate, 0.1, 0.9) < 8500


def test_g722_is_wide_though_its_clock_is_8000(tmp_path: Path) -> None:
    """RFC 3551 section 4.5.2."""
    import av

    encoder = av.CodecContext.create("g722", "w")
    encoder.sample_rate, encoder.layout, encoder.format = 16_000, "mono", "s16"
    samples, made = tone(32_000, 16_000, 3000.0).astype("<i2").reshape(1, -1), b""
    for at in range(0, 32_000, 320):
        frame = av.AudioFrame.from_ndarray(samples[:, at : at + 320].copy(), "s16", "mono")
        frame.sample_rate = 16_000
        made += b"".join(bytes(one) for one in encoder.encode(frame))
    payloads = [made[at : at + 160] for at in range(0, len(made) - 159, 160)]
    packets = [(START + n * 0.02, rtp(n, n * 160, one, payload_type=9)) for n, one in enumerate(payloads)]
    heard, rate, _ = converted(tmp_path, packets, "m=audio 5000 RTP/AVP 9\r\n")
    assert rate == 16_000
    assert abs(len(heard) / rate - len(payloads) * 0.02) < 0.001
    assert abs(strongest(heard, rate) - 3000) < 2


@pytest.mark.parametrize(("size", "samples"), [(38, 160), (50, 240)])
def test_both_modes_of_ilbc_last_as_long_as_they_say(tmp_path: Path, size: int, samples: int) -> None:
    """RFC 3952: 20 ms in 38 bytes, 30 ms in 50."""
    chance = np.random.default_rng(1)
    packets = [
        (START + n * samples / 8000, rtp(n, n * samples, chance.bytes(size), payload_type=97)) for n in range(60)
    ]
    formats = "m=audio 5000 RTP/AVP 97\r\na=rtpmap:97 iLBC/8000\r\n"
    heard, rate, _ = converted(tmp_path, packets, formats)
    assert abs(len(heard) / rate - 60 * samples / 8000) < 0.01


def test_redundant_packets_are_heard_once(tmp_path: Path) -> None:
    """RFC 2198: each holds the one before, and every fifth is lost."""
    packets = []
    for n in range(150):
        older = struct.pack("!I", 0x80 << 24 | 160 << 10 | 160) + b"\x00" + speech(max(0, n - 1)) + speech(n)
        if n % 5 != 4:
            packets.append((START + n * 0.02, rtp(n, n * 160, older, payload_type=121)))
    formats = "m=audio 5000 RTP/AVP 121 0\r\na=rtpmap:121 red/8000\r\na=fmtp:121 0/0\r\n"
    samples, rate, _ = converted(tmp_path, packets, formats)
    assert abs(strongest(samples, rate) - 500) < 5
    assert peak(samples, rate, 0.0, 0.07) > 7000


def test_silence_between_words_is_no_fault_of_amr(tmp_path: Path) -> None:
    """SID and frames without data are what a sender that is silent sends."""
    sid = bytes([0xF0, 8 << 3 | 4]) + bytes(5)
    stored = (Path(__file__).parent / "payloads" / "AMR.frames").read_bytes()
    frames = [stored[at : at + 32] for at in range(0, len(stored), 32)]
    packets = [(START + n * 0.02, rtp(n, n * 160, b"\xf0" + one, payload_type=96)) for n, one in enumerate(frames)]
    packets += [(START + n * 0.02, rtp(n, n * 160, sid, payload_type=96)) for n in range(50, 100, 8)]
    samples, rate, said = converted(tmp_path, packets, "m=audio 5000 RTP/AVP 96\r\na=rtpmap:96 AMR/8000\r\n")
    assert peak(samples, rate, 1.1, 2.0) == 0
    assert len(said) == 1, said


def test_what_is_no_frame_is_counted(tmp_path: Path) -> None:
    """A SID of G.729 (annex B: two bytes) is word of silence, alone and behind speech; three bytes are nothing."""
    stored = (Path(__file__).parent / "payloads" / "G729.frames").read_bytes()
    payloads = [stored[at : at + 20] for at in range(0, 400, 20)]
    payloads += [stored[400:410] + b"\x12\x34", b"\x12\x34", b"\x12\x34\x56"]
    packets = [(START + n * 0.02, rtp(n, n * 160, one, payload_type=18)) for n, one in enumerate(payloads)]
    _, _, said = converted(tmp_path, packets, "m=audio 5000 RTP/AVP 18\r\n")
    assert [one for one in said if "'count': 1," in one and "'packets': 23" in one], said


# --- any timeline


@st.composite
def networks(draw: st.DrawFn) -> Callable[[int], tuple[int, int, float] | None]:
    """Where numbering begins, which packets are lost, held up and by how much, and where a sender pauses or begins
    anew."""
    sequence, timestamp = draw(st.integers(0, 65_535)), draw(st.integers(0, 2**32 - 1))
    lost = draw(st.sets(st.integers(0, 499).filter(lambda n: n % 50), max_size=60))
    late = draw(st.dictionaries(st.integers(0, 499), st.floats(0.0, 0.08), max_size=60))
    anew = draw(st.one_of(st.none(), st.integers(60, 440)))
    base = draw(st.integers(0, 2**32 - 1))

    def change(number: int) -> tuple[int, int, float] | None:
        if number in lost:
            return None
        moved = 0 if anew is None or number < anew else base
        return sequence + number + (moved & 0x3FFF), timestamp + moved + number * 160, late.get(number, 0.0)

    return change


@settings(
    max_examples=settings.default.max_examples * 3 // 10,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(change=networks())
def test_whatever_the_network_does_clicks_are_heard_when_they_were_made(
    tmp_path: Path, change: Callable[[int], tuple[int, int, float] | None]
) -> None:
    from tests.audio.test_codecs_and_time import moved

    heard = clicks(tmp_path, moved(change))
    assert len(heard) == 10, heard
    assert max(abs(at - second) for second, at in enumerate(heard)) < 0.1
    assert math.isfinite(sum(heard))
