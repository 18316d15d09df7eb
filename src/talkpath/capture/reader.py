"""Reading captures: files, standard input, or packets handed in, as records. The packets' path is native."""

import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple, cast

from msgspec import Struct

from talkpath._native import CaptureReader, CaptureUnreadable
from talkpath.base.address import Address
from talkpath.base.errors import Malformed, Unavailable
from talkpath.base.texts import Language, Text
from talkpath.capture import records, words
from talkpath.capture.places import Place, clocks_of, numbered, places_of
from talkpath.capture.records import Record

STDIN = "-"
"""The path that means standard input."""

# One batch: small enough that progress moves and memory stays small, large enough to cost nothing.
_BATCH_RECORDS = 4096
_BATCH_BYTES = 8 * 1024 * 1024


class UnreadableCapture(Malformed):
    """Not a capture. `kind` is a key of `words.KINDS`; `say` gives the sentence in a language."""

    def __init__(self, path: str, kind: str) -> None:
        self.kind = kind
        super().__init__("not-a-capture", self.say(Language.EN), path)

    def say(self, language: Language) -> str:
        """What the file is, and what to do."""
        return self._text().say(language, what=words.KINDS[self.kind].say(language))

    def _text(self) -> Text:
        if self.kind in words.ARCHIVES:
            return words.UNPACK_FIRST
        if self.kind in words.PACKED:
            return words.EMPTY_INSIDE
        if self.kind == "unknown":
            return words.CONVERT_IF_CAPTURE
        return words.CONVERT_FIRST if self.kind in words.OTHER_CAPTURES else words.NOT_A_CAPTURE


class FileSummary(Struct, frozen=True):
    """One file that was read. `first_frame` is the number its first packet has in the records.

    `first` and `last` are the times of its first and last packet (0 without packets); `undecoded` counts packets
    that were not understood, by reason. Of captures of several places read at once, `place` says which it is of, and
    `ahead_s` how much its clock is ahead of the first place's: by that its times were set back.
    """

    path: str
    first_frame: int
    packets: int
    size_bytes: int
    first: float
    last: float
    undecoded: dict[str, int]
    place: int = 0
    ahead_s: float = 0.0


class Progress(NamedTuple):
    """How far the file being read is. `size_bytes` is 0 where nobody knows it (a pipe)."""

    path: str
    read_bytes: int
    size_bytes: int


class Capture:
    """One or several files as one capture, in the order of time: connections and streams go on from one file into the
    next. What was captured at several places at once is read side by side, with one clock (`places.py`).

    Iterate once. `keylog` is the text of an SSLKEYLOGFILE. Raises `UnreadableCapture` for what is no capture and
    `Unavailable` for what cannot be opened, when iteration comes to that file.
    """

    def __init__(self, paths: Sequence[str], *, keylog: bytes = b"", jitter_buffer_ms: int = 80) -> None:
        self._paths = list(paths)
        self._reader = CaptureReader(records, keylog=keylog, jitter_buffer_ms=jitter_buffer_ms)
        self.files: list[FileSummary] = []
        self._path = ""

    def __iter__(self) -> Iterator[Record]:
        for batch in self.batches():
            yield from batch

    def batches(self) -> Iterator[list[Record]]:
        """The same records in lists; between two of them `progress` has moved."""
        places = self._places()
        if len(places) > 1:
            yield from self._beside(places)
        else:
            for path in [file.path for file in places[0]] if places else self._paths:
                yield from self._file(path)
        yield cast("list[Record]", self._reader.finish())

    @property
    def progress(self) -> Progress:
        read_bytes, size = self._reader.position()
        return Progress(self._path, read_bytes, size)

    def locate(self, frame: int) -> tuple[FileSummary, int]:
        """The file a frame is in, and its number there. Raises LookupError for frames that no file read has."""
        for file in self.files:
            if file.first_frame <= frame < file.first_frame + file.packets:
                return file, frame - file.first_frame + 1
        raise LookupError(f"no file has frame {frame}")

    def _places(self) -> list[Place]:
        """The files by place; none where nobody can look ahead."""
        if len(self._paths) < 2 or STDIN in self._paths:
            return []
        for path in self._paths:
            self._path = path
            open_capture(CaptureReader(records), path)
        return places_of(self._paths)

    def _beside(self, places: list[Place]) -> Iterator[list[Record]]:
        """Several places at once."""
        clocks = clocks_of(places)
        self._reader.open_places(list(zip(numbered(places), clocks, strict=True)))
        while (batch := self._reader.read(_BATCH_RECORDS, _BATCH_BYTES)) is not None:
            yield cast("list[Record]", batch)
        frame = 1
        for number, (place, ahead) in enumerate(zip(places, clocks, strict=True)):
            undecoded = dict(self._reader.undecoded(number))
            for file in place:
                size = Path(file.path).stat().st_size
                span = (file.first - ahead, file.last - ahead) if file.packets else (0.0, 0.0)
                summary = FileSummary(file.path, frame, file.packets, size, *span, undecoded, number, ahead)
                self.files.append(summary)
                frame, undecoded = frame + file.packets, {}

    def _file(self, path: str) -> Iterator[list[Record]]:
        self._path = path
        open_capture(self._reader, path)
        while (batch := self._reader.read(_BATCH_RECORDS, _BATCH_BYTES)) is not None:
            yield cast("list[Record]", batch)
        self.files.append(self._summary(path))

    def _summary(self, path: str) -> FileSummary:
        packets, first, last, undecoded = self._reader.summary()
        first_frame = self.files[-1].first_frame + self.files[-1].packets if self.files else 1
        size = self._reader.position()[0]
        return FileSummary(path, first_frame, packets, size, first, last, dict(undecoded))


class Feed:
    """Packets and HEP messages that somebody else received (a socket, an interface) as records."""

    def __init__(self, *, keylog: bytes = b"", jitter_buffer_ms: int = 80) -> None:
        self._reader = CaptureReader(records, keylog=keylog, jitter_buffer_ms=jitter_buffer_ms)

    def packet(self, link_type: int, now: float, data: bytes, wire_bytes: int = 0) -> list[Record]:
        """Takes one frame of the link type (tcpdump's registry; 1 is Ethernet)."""
        self._reader.packet(link_type, now, data, wire_bytes)
        return cast("list[Record]", self._reader.drain())

    def receive(self, fd: int, now: float, limit: int = 4096) -> tuple[int, list[Record]]:
        """Takes what waits at a Linux packet socket (packet(7), SOCK_RAW), `limit` frames at most.

        `now` is for frames without a timestamp (SO_TIMESTAMPNS not set). Gives how many frames there were, and the
        records. Raises OSError from the socket.
        """
        count = self._reader.receive(fd, now, limit)
        return count, cast("list[Record]", self._reader.drain())

    def expire(self, now: float) -> list[Record]:
        """Lets time pass where no packet comes: tells what has been idle for long."""
        self._reader.expire(now)
        return cast("list[Record]", self._reader.drain())

    def settle(self, addresses: Iterable[Address]) -> list[Record]:
        """Ends the streams to and from these addresses, and tells them: their call is over."""
        self._reader.settle(list(addresses))
        return cast("list[Record]", self._reader.drain())

    def hep(self, data: bytes, now: float) -> list[Record]:
        """Takes one HEP message. Raises `Malformed` for what is none."""
        if not self._reader.hep(data, now):
            raise Malformed("not-hep", "the datagram is no HEP message; point only HEP agents at this port")
        return cast("list[Record]", self._reader.drain())

    def open(self, path: str) -> None:
        """Goes on with a file. Raises as `Capture` does."""
        open_capture(self._reader, path)

    def read_on(self, *, is_growing: bool) -> list[Record]:
        """What the open file has more by now; with `is_growing` it stays open, and its end is no end."""
        records: list[Record] = []
        at = self._reader.position()[0]
        while (batch := self._reader.read(_BATCH_RECORDS, _BATCH_BYTES, is_growing)) is not None:
            records += cast("list[Record]", batch)
            before, at = at, self._reader.position()[0]
            if is_growing and not batch and at == before:
                break
        return records

    @property
    def clock(self) -> float:
        """The latest time of a packet; 0 before the first."""
        return self._reader.clock()

    def unread(self) -> tuple[int, dict[str, int]]:
        """How many packets there were since this was last asked, and what of them was not understood, by reason."""
        packets, _, _, undecoded = self._reader.summary()
        return packets, dict(undecoded)

    def finish(self) -> list[Record]:
        """Ends what is open (streams, connections, reassemblies)."""
        return cast("list[Record]", self._reader.finish())


def read(paths: Iterable[str] | str, *, keylog: bytes = b"") -> list[Record]:
    """All records of a capture in memory: for tests and small files."""
    return list(Capture([paths] if isinstance(paths, str) else list(paths), keylog=keylog))


def open_capture(reader: CaptureReader, path: str) -> None:
    """Opens a path (or `STDIN`) in a reader; raises `UnreadableCapture` or `Unavailable`."""
    try:
        if path == STDIN:
            reader.open_fd(os.dup(0))
        else:
            reader.open(path)
    except CaptureUnreadable as error:
        raise UnreadableCapture(path, str(error)) from None
    except OSError as error:
        raise cannot_open(path, error) from None


def cannot_open(path: str, error: OSError) -> Unavailable:
    """The system's reason as a sentence."""
    reason = words.CANNOT_OPEN.say(Language.EN, reason=os.strerror(error.errno or 0))
    return Unavailable("capture-unavailable", reason, path)
