"""Sound files as they are announced: read by what they are, at both rates, and told apart from what is none."""

import math
import struct
import wave
from pathlib import Path

import av
import pytest

from talkpath.audio.clip import beep, read_clip
from talkpath.base.errors import Malformed, Unavailable


def write(path: Path, seconds: float, rate: int, channels: int = 1) -> Path:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(2)
        file.setframerate(rate)
        frames = (round(8000 * math.sin(2 * math.pi * 440 * at / rate)) for at in range(round(seconds * rate)))
        file.writeframes(b"".join(struct.pack("<h", one) * channels for one in frames))
    return path


@pytest.mark.parametrize(("rate", "channels"), [(8000, 1), (44_100, 2), (48_000, 1), (16_000, 2)])
def test_a_file_lasts_as_long_whatever_its_rate(tmp_path: Path, rate: int, channels: int) -> None:
    clip = read_clip(write(tmp_path / "notice.wav", 1.5, rate, channels))
    assert clip.seconds == pytest.approx(1.5, abs=0.01)


def test_what_is_compressed_is_read_too(tmp_path: Path) -> None:
    raw, path = write(tmp_path / "notice.wav", 1.0, 48_000), tmp_path / "notice.ogg"
    with av.open(str(raw)) as source, av.open(str(path), "w") as target:
        stream = target.add_stream("libopus", rate=48_000)
        for frame in source.decode(audio=0):
            target.mux(stream.encode(frame))
        target.mux(stream.encode(None))
    assert read_clip(path).seconds == pytest.approx(1.0, abs=0.05)


def test_what_is_no_sound_says_so(tmp_path: Path) -> None:
    text, empty = tmp_path / "notice.txt", write(tmp_path / "empty.wav", 0, 8000)
    text.write_text("This call is recorded.")
    for path in (text, empty):
        with pytest.raises(Malformed) as said:
            read_clip(path)
        assert said.value.code == "no-sound"
    with pytest.raises(Unavailable) as missing:
        read_clip(tmp_path / "missing.wav")
    assert missing.value.code == "no-file"


def test_nobody_is_kept_from_talking_for_long(tmp_path: Path) -> None:
    with pytest.raises(Malformed) as said:
        read_clip(write(tmp_path / "long.wav", 61, 8000))
    assert said.value.code == "too-long"


def test_the_beep_is_a_fifth_of_a_second() -> None:
    assert beep().seconds == 0.2
