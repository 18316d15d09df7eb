"""A folder in which somebody captures without end (tcpdump -C, -G, -W; dumpcap -b): its files one after another, the
last one as it grows."""

import time
from pathlib import Path
from typing import NamedTuple

from talkpath.base.errors import Unavailable
from talkpath.capture.reader import Feed, UnreadableCapture
from talkpath.capture.records import Record

# What tcpdump -z makes of a file that was read already.
_PACKED = frozenset({".gz", ".zst", ".xz", ".bz2", ".lz4"})
# The first bytes of a file, its first packets among them: a ring (tcpdump -W) writes under the same names again.
_HEAD_BYTES = 256
# Less is no capture yet: headers are written with the first packets.
_LEAST_BYTES = 25


class _File(NamedTuple):
    """A file as it is now."""

    changed: int
    path: Path
    head: bytes

    def is_still(self, other: "_File | None") -> bool:
        """Whether it goes on what it was."""
        return other is not None and self.head.startswith(other.head)


class Filling:
    """Reads on whenever it is asked. Nothing is read twice."""

    def __init__(self, folder: Path, feed: Feed) -> None:
        self._folder = folder
        self._feed = feed
        self._open: _File | None = None
        self._done: dict[Path, _File] = {}
        self._last = 0.0
        self._read_at = time.monotonic()
        #: files that are no captures, with why
        self.refused: dict[Path, UnreadableCapture | Unavailable] = {}

    @property
    def now(self) -> float:
        """The time where it is captured, as far as its packets tell."""
        return self._last + (time.monotonic() - self._read_at)

    def take(self) -> list[Record]:
        """The records of what was written since. Raises OSError where the folder is gone."""
        records: list[Record] = []
        while True:
            files = self._files()
            if self._open is None:
                self._open = self._begin(files)
            if self._open is None:
                return records
            records += self._read_on(files, self._open)
            if self._open is not None:
                return records

    def _files(self) -> list[_File]:
        """What is to be read and is not yet, the oldest first; and the one that is open."""
        found = []
        for path in self._folder.iterdir():
            try:
                if path.name.startswith(".") or not path.is_file():
                    continue
                with path.open("rb") as file:
                    head = file.read(_HEAD_BYTES)
                found.append(_File(path.stat().st_mtime_ns, path, head))
            except FileNotFoundError:  # the ring went on
                continue
        return sorted(one for one in found if not self._is_done(one))

    def _is_done(self, file: _File) -> bool:
        is_packed = file.path.suffix in _PACKED and file.path.with_suffix("") in self._done
        return is_packed or file.is_still(self._done.get(file.path))

    def _read_on(self, files: list[_File], now: _File) -> list[Record]:
        """What is new in the open file: to its end, where another was begun meanwhile."""
        same = next((file for file in files if file.path == now.path and file.is_still(now)), None)
        others = [file for file in files if file is not same and len(file.head) >= _LEAST_BYTES]
        is_over = same is None or any(other.changed >= same.changed for other in others)
        records = self._feed.read_on(is_growing=not is_over)
        if self._feed.clock > self._last or records:
            self._last, self._read_at = self._feed.clock, time.monotonic()
        self._open = None if is_over else same
        if is_over:
            self._done[now.path] = same or now
        return records

    def _begin(self, files: list[_File]) -> _File | None:
        """Opens the oldest file that was not read yet."""
        for file in files:
            if len(file.head) < _LEAST_BYTES:
                continue
            try:
                self._feed.open(str(file.path))
            except (UnreadableCapture, Unavailable) as error:
                self.refused[file.path] = error
                self._done[file.path] = file
                continue
            return file
        return None
