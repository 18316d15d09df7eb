"""A file beyond 4 GiB says its sizes in 64 bits, as RF64 does, and one below it in the way that everybody reads."""

import struct
from types import SimpleNamespace

from talkpath.audio.files import _header
from talkpath.audio.sound import Layout


def test_rf64_has_its_sizes_in_a_chunk_of_their_own() -> None:
    sound = SimpleNamespace(layout=Layout.STEREO, rate=48_000)
    size = 5 * 2**30
    header = _header(sound, size, True)  # type: ignore[arg-type]
    assert header[:12] == b"RF64\xff\xff\xff\xffWAVE"
    assert struct.unpack("<4sIQQQI", header[12:48]) == (b"ds64", 28, len(header) - 8 + size, size, size // 4, 0)
    assert header[-8:] == b"data\xff\xff\xff\xff"


def test_a_small_one_is_plain() -> None:
    sound = SimpleNamespace(layout=Layout.MIXED, rate=8000)
    header = _header(sound, 1000, False)  # type: ignore[arg-type]
    assert len(header) == 44
    assert struct.unpack("<I", header[4:8]) == (1036,)
