"""A busy socket is read on a beat, a quiet one at once."""

from collections.abc import Callable

from talkpath.net.pacing import BEAT_S, ENTER_AFTER, LEAVE_AFTER, PacedReader


class Handle:
    def __init__(self) -> None:
        self.is_cancelled = False

    def cancel(self) -> None:
        self.is_cancelled = True


class Loop:
    """The four verbs of an event loop that a reader uses, on a clock that is set."""

    def __init__(self) -> None:
        self.now = 0.0
        self.reader: Callable[[], None] | None = None
        self.later: list[tuple[float, Callable[[], None], Handle]] = []

    def time(self) -> float:
        return self.now

    def add_reader(self, _fd: int, callback: Callable[[], None]) -> None:
        self.reader = callback

    def remove_reader(self, _fd: int) -> None:
        self.reader = None

    def call_later(self, delay_s: float, callback: Callable[[], None]) -> Handle:
        handle = Handle()
        self.later.append((self.now + delay_s, callback, handle))
        return handle

    def wake(self, gap_s: float) -> None:
        """A datagram arrives `gap_s` after the last thing that happened."""
        self.now += gap_s
        assert self.reader is not None
        self.reader()

    def beat(self) -> None:
        when, callback, _ = self.later.pop(0)
        self.now = when
        callback()


class Socket:
    """Notes each reading and gives as many datagrams as it is told."""

    def __init__(self) -> None:
        self.readings = 0
        self.waiting = 1
        self.is_behind = False

    def read(self) -> int:
        self.readings += 1
        return self.waiting


def _reader() -> tuple[Loop, Socket, PacedReader]:
    loop, sock = Loop(), Socket()
    reader = PacedReader(loop, 7, sock.read, lambda: sock.is_behind)  # type: ignore[arg-type]
    reader.start()
    return loop, sock, reader


def _make_busy(loop: Loop) -> None:
    loop.wake(1.0)
    for _ in range(ENTER_AFTER):
        loop.wake(0.0004)


def test_quiet_socket_is_read_at_every_datagram() -> None:
    loop, sock, _ = _reader()
    for _ in range(100):
        loop.wake(0.02)
    assert sock.readings == 100
    assert not loop.later


def test_busy_socket_is_read_on_the_beat() -> None:
    loop, sock, _ = _reader()
    _make_busy(loop)
    assert loop.reader is None
    sock.waiting = 5
    before = sock.readings
    for _ in range(20):
        loop.beat()
    assert sock.readings == before + 20
    assert loop.reader is None
    assert loop.later[0][0] == loop.now + BEAT_S


def test_socket_that_became_quiet_is_read_at_once_again() -> None:
    loop, sock, _ = _reader()
    _make_busy(loop)
    sock.waiting = 1
    for _ in range(LEAVE_AFTER):
        loop.beat()
    assert loop.reader is not None
    assert not loop.later


def test_burst_that_ends_does_not_begin_the_beat() -> None:
    loop, _, _ = _reader()
    for _ in range(10):
        loop.wake(1.0)
        for _ in range(ENTER_AFTER - 1):
            loop.wake(0.0004)
    assert loop.reader is not None


def test_stopped_reader_reads_no_more() -> None:
    loop, _, reader = _reader()
    _make_busy(loop)
    reader.stop()
    assert loop.reader is None
    assert loop.later[0][2].is_cancelled


def test_what_was_read_and_waits_is_asked_for_without_a_pause_until_none_is_left() -> None:
    loop, sock, _ = _reader()
    sock.is_behind = True
    loop.wake(1.0)
    sock.waiting = 0
    for _ in range(3 * LEAVE_AFTER):
        assert loop.reader is None
        assert [when for when, _, _ in loop.later] == [loop.now]
        loop.beat()
    sock.is_behind = False
    loop.beat()
    assert loop.reader is not None
