"""Drives the native recorder: files for recordings, and what becomes of them."""

import asyncio
from collections.abc import Callable, Mapping
from pathlib import Path

from talkpath import _native
from talkpath.net.clock import Clock
from talkpath.net.descriptors import Descriptors

#: What a recording is told: that packets are lost (errno, 0 for a slow disk), are not any more, or that it is over.
Told = _native.RecordingFailing | _native.RecordingRecovered | _native.RecordingClosed


class RecordingDriver:
    """The native recorder of this process, and who is told of each file."""

    def __init__(self, clock: Clock, descriptors: Descriptors) -> None:
        # Whoever has the last descriptors ends calls: files come before ports.
        self._native = _native.Recorder(epoch=clock.epoch, descriptors=descriptors.media)
        self._told: dict[int, Callable[[Told], None]] = {}
        self._is_started = False

    def start(self) -> None:
        """Begin to listen."""
        asyncio.get_running_loop().add_reader(self._native.fileno(), self._take)
        self._is_started = True

    def open(self, path: Path, link_type: str, told: Callable[[Told], None]) -> _native.Recording:
        """Begin a new file; `told` hears of it until it is closed."""
        recording = self._native.open(path, link_type)
        self._told[recording.id] = told
        return recording

    @property
    def running(self) -> int:
        """Files that are not finished."""
        return len(self._told)

    def counters(self) -> Mapping[str, int]:
        """Files ever opened, bytes written, packets dropped, and writes that failed."""
        return {name: count for name, count in self._native.counters().items() if name != "queued_bytes"}

    @property
    def queued_bytes(self) -> int:
        """What waits for the disk."""
        return self._native.counters()["queued_bytes"]

    def close(self) -> None:
        """Finish every file, and tell of it."""
        if self._is_started:
            asyncio.get_running_loop().remove_reader(self._native.fileno())
        self._native.shutdown()
        self._take()

    def _take(self) -> None:
        for one in self._native.events():
            told = self._told.get(one.recording)
            if told is not None:
                if isinstance(one, _native.RecordingClosed):
                    del self._told[one.recording]
                told(one)
