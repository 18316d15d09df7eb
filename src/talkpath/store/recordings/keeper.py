"""The thread that writes what is said of recordings: metadata while a call runs, the manifest when it is over.

The running edge hands over text and goes on. What the disk refuses is kept and tried again; nothing waits for it.
The order at the end is that of trust: first the packets are on the disk (whoever calls `finish` was told so), then
the metadata under its last name, then the manifest, which says that all is there; each is synced before the next.
"""

import logging
import threading
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from talkpath.base import limits
from talkpath.calls.redacted import redacted
from talkpath.store import files
from talkpath.store.recordings import metadata
from talkpath.store.recordings.layout import Layout
from talkpath.store.recordings.manifest import Manifest, Medium, Pause, State, encoded, media_in

#: How long a disk that refused is left alone.
RETRY_S = 1.0

_log = logging.getLogger("talkpath.recordings")


@dataclass(slots=True, eq=False)
class Book:
    """What is to be written of one recording. `facts` are those of its manifest that are known by now."""

    facts: Manifest
    texts: deque[bytes] = field(default_factory=deque)
    waiting_bytes: int = 0
    #: descriptions that were sent: to whom, and when
    sent: deque[tuple[str, bytes, float]] = field(default_factory=deque)
    media: list[Medium] = field(default_factory=list)
    has_draft: bool = False
    is_over: bool = False
    is_discarded: bool = False
    left_out: int = 0


class Keeper:
    """See the module's docstring. Everything but `_run` and what it calls is for the thread of the edge."""

    def __init__(self, directory: Path) -> None:
        self.layout = Layout(directory)
        self.counters: Counter[str] = Counter()
        #: told of each recording that is finished, by the thread that wrote its manifest
        self.finished: Callable[[Manifest], None] = lambda one: None
        self._waiting: dict[int, Book] = {}
        self._over: deque[Book] = deque()
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._is_ending = False
        self._idle = threading.Event()
        self._idle.set()
        self._thread = threading.Thread(target=self._run, name="talkpath-recordings", daemon=True)
        self._thread.start()

    # --- for the edge; each returns at once

    def begin(self, facts: Manifest) -> Book:
        """A recording begins."""
        book = Book(facts)
        pcap = self.layout.pcap_of(facts.name)
        self._append(book, metadata.heading(pcap).encode("utf-8", "surrogateescape"))
        return book

    def describe(self, book: Book, mode: str, side: str, sdp: bytes, at: float, packet: int) -> None:
        """A description was sent to `side`. Its keys stay here: the packets need none."""
        shown = redacted(sdp).encode()
        book.sent.append((side, shown, at))
        self._append(book, metadata.description(mode, shown, at, packet))

    def pause(self, book: Book, at: float, by: str) -> None:
        """Nothing is recorded from now on."""
        pauses = (*book.facts.pauses, Pause(start=at, by=by))
        book.facts = msgspec.structs.replace(book.facts, pauses=pauses)
        self._append(book, metadata.paused(at).encode())

    def resume(self, book: Book, at: float) -> None:
        """It goes on."""
        *before, last = book.facts.pauses
        pauses = (*before, msgspec.structs.replace(last, end=at))
        book.facts = msgspec.structs.replace(book.facts, pauses=pauses)
        self._append(book, metadata.resumed(at).encode())

    def learn(self, book: Book, facts: Manifest) -> None:
        """More is known of the call."""
        book.facts, book.has_draft = facts, False
        self._hand_over(book)

    def finish(self, book: Book, facts: Manifest) -> None:
        """The packets are on the disk, and `facts` are the last."""
        book.facts = facts
        self._append(book, metadata.ending(facts).encode())
        book.is_over = True
        self._hand_over(book)

    def discard(self, book: Book) -> None:
        """Nobody answered and nothing was heard: there is nothing to keep."""
        book.is_discarded = book.is_over = True
        self._hand_over(book)

    def flush(self, timeout_s: float = 10.0) -> bool:
        """Wait until all is written."""
        return self._idle.wait(timeout_s)

    def close(self) -> None:
        """Write what is there, once, and end the thread."""
        self._is_ending = True
        self._wake.set()
        self._thread.join(timeout=10.0)

    def _append(self, book: Book, text: bytes) -> None:
        if book.waiting_bytes + len(text) > limits.RECORDING_NOTES_BYTES:
            book.left_out += 1
            self.counters["notes_left_out"] += 1
            return
        with self._lock:
            book.texts.append(text)
            book.waiting_bytes += len(text)
        self._hand_over(book)

    def _hand_over(self, book: Book) -> None:
        with self._lock:
            self._waiting[id(book)] = book
            self._idle.clear()
            if book.is_over:
                self._over.append(book)
                while len(self._over) > limits.RECORDINGS_WAITING:
                    given_up = self._over.popleft()
                    if self._waiting.pop(id(given_up), None) is not None:
                        self.counters["given_up"] += 1
        self._wake.set()

    # --- the thread

    def _run(self) -> None:
        while True:
            self._wake.wait()
            self._wake.clear()
            is_ending = self._is_ending
            failed = self._write_all()
            if is_ending:
                return
            if failed and not self._is_ending:
                # The disk is left alone for a while, whoever calls.
                threading.Event().wait(RETRY_S)
                self._wake.set()

    def _write_all(self) -> bool:
        """Write what waits; whether some of it could not be written."""
        with self._lock:
            books = list(self._waiting.values())
            self._waiting.clear()
        failed = []
        for book in books:
            try:
                self._write(book)
            except OSError as error:
                failed.append(book)
                self._tell(book, error)
        with self._lock:
            for book in failed:
                self._waiting.setdefault(id(book), book)
            while self._over and self._over[0].is_over and id(self._over[0]) not in self._waiting:
                self._over.popleft()
            if not self._waiting:
                self._idle.set()
        return bool(failed)

    def _tell(self, book: Book, error: OSError) -> None:
        self.counters["failures"] += 1
        if self.counters["failures"] == 1 or self.counters["failures"] % 1000 == 0:
            _log.error("%s: cannot be written (%s); it is tried again", book.facts.name, error.strerror)

    def _write(self, book: Book) -> None:
        self.layout.make()
        if book.is_discarded:
            self._remove(book)
            return
        self._write_notes(book)
        if book.is_over:
            self._complete(book)
        elif not book.has_draft:
            files.replace(self.layout.draft_of(book.facts.name), encoded(self._whole(book)), synced=False)
            book.has_draft = True

    def _write_notes(self, book: Book) -> None:
        with self._lock:
            data = b"".join(book.texts)
            count = len(book.texts)
        if data:
            files.append(self.layout.notes_of(book.facts.name), data)
            with self._lock:
                for _ in range(count):
                    book.waiting_bytes -= len(book.texts.popleft())
        while book.sent:
            side, sdp, at = book.sent.popleft()
            known = {(one.side, one.section, one.port, one.codecs) for one in book.media}
            book.media += [
                one for one in media_in(side, sdp, at) if (one.side, one.section, one.port, one.codecs) not in known
            ]

    def _whole(self, book: Book) -> Manifest:
        return msgspec.structs.replace(book.facts, media=tuple(book.media))

    def _complete(self, book: Book) -> None:
        layout, name = self.layout, book.facts.name
        notes, kept = layout.notes_of(name), layout.metadata_of(name)
        if notes.exists():
            files.sync(notes)
            notes.rename(kept)
            files.sync(layout.metadata)
        whole = self._whole(book)
        files.replace(layout.manifest_of(name), encoded(whole))
        layout.draft_of(name).unlink(missing_ok=True)
        self.counters["saved" if book.facts.state is State.COMPLETE else "failed"] += 1
        self.finished(whole)

    def _remove(self, book: Book) -> None:
        layout, name = self.layout, book.facts.name
        for path in (layout.pcap_of(name), layout.notes_of(name), layout.draft_of(name)):
            path.unlink(missing_ok=True)
        self.counters["discarded"] += 1
