from collections.abc import Callable
from pathlib import Path

import pytest

from talkpath.capture.reader import read
from talkpath.capture.records import Record

Reading = Callable[[bytes], list[Record]]


@pytest.fixture
def records(tmp_path: Path) -> Reading:
    """Writes a capture's bytes to a file and reads it."""

    def write_and_read(data: bytes) -> list[Record]:
        path = tmp_path / "a.pcap"
        path.write_bytes(data)
        return read(str(path))

    return write_and_read
