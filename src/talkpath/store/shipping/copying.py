"""The thread that copies recordings to the store while they run, a stretch each few seconds.

What runs is what lies in `tmp`: it reads the files that are written anyway, up to the last whole packet, and whoever
writes them knows nothing of it. Of edges that share a directory one copies for all. What the store refuses is copied
with the next stretch.
"""

import logging
import os
import struct
import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

from talkpath.base import limits
from talkpath.store import locks
from talkpath.store.recordings.capture import HEAD_BYTES
from talkpath.store.recordings.layout import Layout
from talkpath.store.recordings.manifest import known
from talkpath.store.recordings.mending import unfinished
from talkpath.store.schedule import pause_after
from talkpath.store.shipping.objects import Objects, StoreFailed, put_and_check
from talkpath.store.shipping.sealing import Sealer
from talkpath.store.shipping.stretches import Stretch, closed, stretches

#: A recording of which nothing new was heard says so often that it runs.
SIGN_S = 60.0
_PARTING_S = 5.0
_RECORD = struct.Struct("<IIII")

_log = logging.getLogger("talkpath.recordings")


@dataclass(frozen=True, slots=True)
class CopyFailed:
    """A round ended early, and comes again in `pause_s`; so often in a row."""

    code: str
    reason: str
    pause_s: float
    failures: int


@dataclass(slots=True)
class Copies:
    """The stretches of the recordings of a directory."""

    layout: Layout
    objects: Objects
    sealer: Sealer | None = None
    counters: Counter[str] = field(default_factory=Counter)
    _last: dict[str, Stretch] = field(default_factory=dict)
    _signed: dict[str, float] = field(default_factory=dict)
    _counting: threading.Lock = field(default_factory=threading.Lock)

    def take_over(self) -> None:
        """Learn what was copied until now, by whomever. Raises `StoreFailed`."""
        self._last = {name: some[-1] for name, some in stretches(self.objects).items()}

    def copy_all(self, now: float, is_ending: Callable[[], bool]) -> None:
        """Copy what is new of everything that runs. Raises `StoreFailed` and OSError."""
        running = unfinished(self.layout)
        if running:
            self._copy_side_by_side(running, now, is_ending)
        for name in self._last.keys() - set(running):
            del self._last[name]
        for name in self._signed.keys() - set(running):
            del self._signed[name]

    def _copy_side_by_side(self, running: list[str], now: float, is_ending: Callable[[], bool]) -> None:
        """Several at once, for a store far away is waited for most of the time; none after one that failed."""
        failed: list[Exception] = []

        def copy(name: str) -> None:
            try:
                while not failed and not is_ending() and self._copy(name, now):
                    pass
            except Exception as error:  # noqa: BLE001 - told by who waits for all
                failed.append(error)

        with ThreadPoolExecutor(min(len(running), limits.STRETCHES_AT_ONCE), "talkpath-copying") as pool:
            list(pool.map(copy, running))
        if failed:
            raise failed[0]

    def _copy(self, name: str, now: float) -> bool:
        """Copy one more stretch; whether there may be more."""
        last = self._last.get(name, Stretch(name, 0, 0, 0))
        packets = _whole(_piece(self.layout.pcap_of(name), last.end), at_start=last.end == 0)
        if not packets and (not last.number or now < self._signed.get(name, 0.0) + SIGN_S):
            return False
        notes = _piece(self.layout.notes_of(name), last.notes)
        ends = (last.number + 1, last.end + len(packets), last.notes + len(notes))
        made = Stretch(name, *ends, is_sealed=self.sealer is not None)
        self._put(made, closed(last.end, packets, last.notes, notes, known(self.layout.draft_of(name))))
        self._last[name], self._signed[name] = made, now
        with self._counting:
            self.counters["stretches"] += 1
            self.counters["stretch_bytes"] += len(packets)
        if not self.layout.draft_of(name).exists() and not self.layout.notes_of(name).exists():
            # It ended meanwhile; who ships it may have swept already.
            self.objects.delete(made.path)
            return False
        return len(packets) > limits.STRETCH_BYTES // 2

    def _put(self, made: Stretch, data: bytes) -> None:
        data = data if self.sealer is None else self.sealer.sealed(data)
        put_and_check(self.objects, made.path, [data], sha256(data).hexdigest())


def _piece(path: Path, start: int) -> bytes:
    """What a file has from there on, or as much as a stretch takes; nothing where it is not there."""
    try:
        with path.open("rb") as file:
            file.seek(start)
            return file.read(limits.STRETCH_BYTES)
    except FileNotFoundError:
        return b""


def _whole(data: bytes, *, at_start: bool) -> bytes:
    """As much of it as are whole packets: the last may still be written, or be cut off again by a full disk."""
    end = HEAD_BYTES if at_start else 0
    while end + _RECORD.size <= len(data):
        after = end + _RECORD.size + int(_RECORD.unpack_from(data, end)[2])
        if after > len(data):
            break
        end = after
    return data[:end] if end > (HEAD_BYTES if at_start else 0) else b""


class Copier:
    """Made, `start`ed and `close`d by one thread."""

    def __init__(
        self,
        copies: Copies,
        every_s: float,
        told: Callable[[CopyFailed], None],
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._copies = copies
        self._every_s = every_s
        self._told = told
        self._now = now
        self._lock: int | None = None
        self._failures = 0
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, name="talkpath-copying", daemon=True)

    @property
    def counters(self) -> Counter[str]:
        return self._copies.counters

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def copy(self) -> None:
        """One round. Raises `StoreFailed` and OSError."""
        if self._lock is None:
            if not unfinished(self._copies.layout):
                return  # nothing to copy, so nothing that a store could keep us from
            self._lock = self._taken()
            if self._lock is None:
                return
            try:
                self._copies.take_over()
            except StoreFailed:
                os.close(self._lock)
                self._lock = None
                raise
        self._copies.copy_all(self._now(), self._ending.is_set)

    def close(self) -> None:
        """Break off; what runs no more goes to the store whole."""
        self._ending.set()
        if self._thread.is_alive():
            self._thread.join(_PARTING_S)
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def _run(self) -> None:
        while not self._ending.wait(self._pause_s()):
            try:
                self.copy()
            except StoreFailed as error:
                self._fail(error.code, error.reason)
            except OSError as error:
                self._fail("disk", error.strerror or str(error))
            except Exception as error:  # noqa: BLE001 - the outermost driver of this thread: it ends for nothing
                _log.exception("running recordings are not copied")
                self._fail("fault", repr(error))
            else:
                self._failures = 0

    def _pause_s(self) -> float:
        return max(self._every_s, pause_after(self._failures) if self._failures else 0.0)

    def _taken(self) -> int | None:
        """The right to copy for this directory; None while another edge has it."""
        folder = self._copies.layout.tmp
        folder.mkdir(mode=0o750, parents=True, exist_ok=True)
        return locks.take(folder / "copying.lock")

    def _fail(self, code: str, reason: str) -> None:
        self._failures += 1
        self.counters[f"copy_failed_{code.replace('-', '_')}"] += 1
        self._told(CopyFailed(code, reason, self._pause_s(), self._failures))
