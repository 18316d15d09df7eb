"""Each codec from real payloads: the tone, its level and its place come out of the file.

`payloads/` holds a second of a tone (500 Hz at 8 kHz, 1000 Hz at 16 kHz, amplitude 8000), as libbcg729, libgsm,
OpenCORE, VisualOn and libspeex encoded it, frame after frame.
"""

import struct
import wave
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest

from talkpath.app.wav.command import Unheard, Wishes, convert
from talkpath.audio.codecs import _AMR_BITS, _AMR_WB_BITS
from talkpath.audio.files import Form
from talkpath.audio.names import Names
from tests.capture.wire import RAW, ipv4, pcap, rtp, udp

HERE = Path(__file__).parent / "payloads"
START = 1_700_000_000.0
Frames = Sequence[bytes]
Packing = Callable[[Frames], bytes]


def frames(name: str, size: int) -> list[bytes]:
    data = (HERE / f"{name}.frames").read_bytes()
    return [data[at : at + size] for at in range(0, len(data), size)]


def octet_aligned(stored: Frames) -> bytes:
    """RFC 4867 section 4.4."""
    last = len(stored) - 1
    contents = bytes(one[0] | (0x80 if at < last else 0) for at, one in enumerate(stored))
    return b"\xf0" + contents + b"".join(one[1:] for one in stored)


def bandwidth_efficient(sizes: Sequence[int]) -> Packing:
    """RFC 4867 section 4.3."""

    def packed(stored: Frames) -> bytes:
        last = len(stored) - 1
        bits = "1111" + "".join(f"{int(at < last)}{one[0] >> 2 & 31:05b}" for at, one in enumerate(stored))
        bits += "".join("".join(f"{byte:08b}" for byte in one[1:])[: sizes[one[0] >> 3]] for one in stored)
        bits += "0" * (-len(bits) % 8)
        return int(bits, 2).to_bytes(len(bits) // 8)

    return packed


def capture(payloads: Frames, ticks: int, seconds: float, begins: float = 0.5) -> bytes:
    """A stream of payload type 96, and a silent one the other way that begins earlier."""
    sent = [
        (
            START + begins + number * seconds,
            "192.0.2.1",
            4000,
            rtp(number, number * ticks, one, ssrc=1, payload_type=96),
        )
        for number, one in enumerate(payloads)
    ]
    sent += [(START + n * 0.02, "192.0.2.2", 5000, rtp(n, n * 160, b"\xff" * 160, ssrc=2)) for n in range(100)]
    ends = {"192.0.2.1": ("192.0.2.2", 5000), "192.0.2.2": ("192.0.2.1", 4000)}
    packets = [
        (at, ipv4(src, ends[src][0], 17, udp(port, ends[src][1], data))) for at, src, port, data in sorted(sent)
    ]
    return pcap(packets, link=RAW)


def converted(folder: Path, data: bytes, codec: str, **wishes: object) -> tuple["np.ndarray", int]:
    (folder / "a.pcap").write_bytes(data)
    names = Names.parse([f"96={codec}"])
    convert(str(folder / "a.pcap"), Wishes(names=names, **wishes), lambda _done, _size: None)  # type: ignore[arg-type]
    with wave.open(str(folder / "a.wav")) as file:
        samples = np.frombuffer(file.readframes(file.getnframes()), "<i2").reshape(-1, file.getnchannels())
        return samples, file.getframerate()


@pytest.mark.parametrize(
    ("name", "size", "codec", "per_packet", "pack", "tone"),
    [
        ("G729", 10, "G729/8000", 2, b"".join, 500),
        ("G729", 10, "G729/8000", 2, lambda frames: b"".join(frames) + b"\x12\x34", 500),
        ("GSM", 33, "GSM/8000", 1, b"".join, 500),
        ("AMR", 32, "AMR/8000", 2, octet_aligned, 500),
        ("AMR", 32, "AMR/8000", 1, bandwidth_efficient(_AMR_BITS), 500),
        ("AMR-WB", 33, "AMR-WB/16000", 1, octet_aligned, 1000),
        ("AMR-WB", 33, "AMR-WB/16000", 2, bandwidth_efficient(_AMR_WB_BITS), 1000),
        ("speex8", 38, "speex/8000", 1, b"".join, 500),
        ("speex16", 70, "speex/16000", 1, b"".join, 1000),
    ],
)
def test_a_tone_of_each_codec(
    tmp_path: Path, name: str, size: int, codec: str, per_packet: int, pack: Packing, tone: int
) -> None:
    each = frames(name, size)
    payloads = [pack(each[at : at + per_packet]) for at in range(0, len(each), per_packet)]
    clock = int(codec.split("/")[1])
    ticks = clock // len(payloads)
    samples, rate = converted(tmp_path, capture(payloads, ticks, ticks / clock), codec)
    assert rate == clock
    loud = samples[:, np.argmax(np.abs(samples.astype(int)).sum(axis=0))].astype(float)
    first = np.argmax(np.abs(loud) > 2000) / rate
    assert abs(first - 0.5) < 0.02
    middle = loud[int(0.7 * rate) : int(1.4 * rate)]
    spectrum = np.abs(np.fft.rfft(middle * np.hanning(len(middle))))
    assert abs(np.argmax(spectrum) * rate / len(middle) - tone) < 5
    assert abs(20 * np.log10(np.sqrt(np.mean(middle**2)) / 5657)) < 1.0


def test_the_forms_of_a_file(tmp_path: Path) -> None:
    import av

    each = frames("GSM", 33)
    data = capture(each, 160, 0.02)
    (tmp_path / "a.pcap").write_bytes(data)
    for form in Form:
        wishes = Wishes(names=Names.parse(["96=GSM/8000"]), form=form)
        convert(str(tmp_path / "a.pcap"), wishes, lambda _done, _size: None)
        with av.open(str(tmp_path / f"a.{form}")) as file:
            length = sum(frame.samples / frame.sample_rate for frame in file.decode(audio=0))
        assert abs(length - 2.0) < 0.1, form
    assert not list(tmp_path.glob(".*"))


def test_what_nothing_names_is_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "a.pcap"
    payloads = [
        (
            START + n * 0.02,
            ipv4("192.0.2.1", "192.0.2.2", 17, udp(4000, 5000, rtp(n, n * 160, b"x" * 33, payload_type=96))),
        )
        for n in range(100)
    ]
    path.write_bytes(pcap(payloads, link=RAW))
    with pytest.raises(Unheard, match="payload type 96"):
        convert(str(path), Wishes(), lambda _done, _size: None)
    assert [one.name for one in tmp_path.iterdir()] == ["a.pcap"]


def test_a_recording_is_named_by_the_text_beside_it(tmp_path: Path) -> None:
    """What comes to the port of the offer that went to the callee is of the callee."""
    for folder in ("pcaps", "metadata"):
        (tmp_path / folder).mkdir()
    sdp = "v=0\r\no=- 1 1 IN IP4 192.0.2.2\r\ns=-\r\nc=IN IP4 192.0.2.2\r\nt=0 0\r\n"
    offer = f"{sdp}m=audio 5000 RTP/AVP 96\r\na=rtpmap:96 GSM/8000\r\n"
    answer = f"{sdp}m=audio 4000 RTP/AVP 0\r\n"
    text = f"{tmp_path}/pcaps/a-00.pcap\n\n"
    for mode, one in (("offer", offer), ("answer", answer)):
        text += f"\nTimestamp started ms: 1700000000000.000\nSDP mode: {mode}\nSDP before RTP packet: 1\n\n{one}"
    (tmp_path / "metadata" / "rtpengine-meta-a-00.txt").write_bytes(text.encode())
    pcap_file = tmp_path / "pcaps" / "a-00.pcap"
    pcap_file.write_bytes(capture(frames("GSM", 33), 160, 0.02))
    for given in (pcap_file, tmp_path / "metadata" / "rtpengine-meta-a-00.txt"):
        convert(str(given), Wishes(), lambda _done, _size: None)
        with wave.open(str(pcap_file.with_suffix(".wav"))) as file:
            samples = np.frombuffer(file.readframes(file.getnframes()), "<i2").reshape(-1, 2)
        loudness = np.abs(samples.astype(int)).max(axis=0)
        assert loudness[0] < 100
        assert loudness[1] > 5000
        pcap_file.with_suffix(".wav").unlink()


def moved(change: Callable[[int], tuple[int, int, float] | None], count: int = 500) -> bytes:
    """G.711 whose packets have sequence number, timestamp and delay by `change`; a click of 8 samples each second."""
    packets = []
    for number in range(count):
        said = change(number)
        if said is None:
            continue
        sequence, timestamp, delay = said
        payload = (b"\x80" * 8 if number % 50 == 0 else b"\xff" * 8) + b"\xff" * 152
        data = struct.pack("!BBHII", 0x80, 0, sequence & 0xFFFF, timestamp & 0xFFFFFFFF, 7) + payload
        packets.append((START + number * 0.02 + delay, ipv4("192.0.2.1", "192.0.2.2", 17, udp(4000, 5000, data))))
    return pcap(sorted(packets), link=RAW)


def clicks(folder: Path, data: bytes) -> list[float]:
    """When they are heard, in seconds."""
    path = folder / "a.pcap"
    path.write_bytes(data)
    convert(str(path), Wishes(), lambda _done, _size: None)
    with wave.open(str(folder / "a.wav")) as file:
        samples = np.frombuffer(file.readframes(file.getnframes()), "<i2").reshape(-1, 2).astype(int)
    loud = np.flatnonzero(np.abs(samples).max(axis=1) > 10_000)
    return [float(at) / 8000 for at in loud[np.insert(np.diff(loud) > 800, 0, True)]] if len(loud) else []


@pytest.mark.parametrize(
    "change",
    [
        lambda n: (n, n * 160, 0.0),
        lambda n: (65_400 + n, 2**32 - 16_000 + n * 160, 0.0),
        lambda n: (n, n * 160, 0.03 * (n * 7919 % 11) / 11),
        lambda n: (n, n * 160, 0.05 if n % 50 == 3 else 0.0),
        lambda n: (n if n < 200 else 30_000 + n, n * 160 + (0 if n < 200 else 77_777_777), 0.0),
        lambda n: (n, n * 160, 0.6 - (n - 130) * 0.02 if 130 <= n < 160 else 0.0),
        lambda n: None if n % 50 in (7, 8, 9) else (n, n * 160, 0.0),
    ],
    ids=["plain", "wraps", "jitter", "overtaken", "new base", "held up", "lost"],
)
def test_clicks_are_heard_when_they_were_made(
    tmp_path: Path, change: Callable[[int], tuple[int, int, float] | None]
) -> None:
    heard = clicks(tmp_path, moved(change))
    assert len(heard) == 10
    assert max(abs(at - second) for second, at in enumerate(heard)) < 0.02


def test_a_sender_whose_clock_runs_away_stays_in_its_place(tmp_path: Path) -> None:
    heard = clicks(tmp_path, moved(lambda n: (n, n * 160, n * 0.02 * 500e-6), 5000))
    assert len(heard) == 100
    assert max(abs(at - second * 1.0005) for second, at in enumerate(heard)) < 0.02


def test_a_recording_of_ours_is_found_by_its_call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from click.testing import CliRunner

    from talkpath.app.cli import app
    from talkpath.store.recordings.layout import Layout as Places
    from talkpath.store.recordings.manifest import Manifest, State, encoded

    places = Places(tmp_path / "state" / "recordings")
    places.make()
    name = "3c26%40phone-0123456789abcdef"
    places.pcap_of(name).write_bytes(moved(lambda n: (n, n * 160, 0.0)))
    made = Manifest(
        name=name, state=State.COMPLETE, call_id="3c26@phone", link_type="raw", started=START, started_by="all"
    )
    places.manifest_of(name).write_bytes(encoded(made))
    config = tmp_path / "talkpath.toml"
    config.write_text("")
    monkeypatch.chdir(tmp_path)
    run = ["--state", str(tmp_path / "state"), "--config", str(config)]
    assert CliRunner().invoke(app, ["wav", "3c26@phone", *run]).exit_code == 0
    assert (tmp_path / f"{name}.wav").exists()
    assert CliRunner().invoke(app, ["wav", "nobody@phone", *run]).exit_code == 2
