"""The threads that tell of recordings. What is to be told stands in the manifests, and what was in the outbox.

A notice is on the disk before it is tried, and tried until it is taken: after 5 seconds at first, each quarter of an
hour at last. Nothing waits for it.
"""

import logging
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

import msgspec

from talkpath.base import limits
from talkpath.store.errands import Errands
from talkpath.store.notices.notice import Notice, kind_of, notice_of
from talkpath.store.notices.outbox import Outbox
from talkpath.store.notices.sending import NotTold, Refusal, send
from talkpath.store.notices.signing import signed
from talkpath.store.recordings.layout import Layout
from talkpath.store.recordings.manifest import Manifest, read

_log = logging.getLogger("talkpath.recordings")


@dataclass(frozen=True, slots=True)
class Untold:
    """A try failed, and comes again in `pause_s`. `failures`: of the receiver, or of this one, in a row."""

    name: str
    code: str
    reason: str
    pause_s: float
    failures: int


@dataclass(frozen=True, slots=True)
class Heard:
    """The receiver takes notices again."""

    waiting: int


@dataclass(frozen=True, slots=True)
class Told:
    """A notice was taken."""

    name: str
    notice: Notice


Event = Untold | Heard | Told


@dataclass(frozen=True, slots=True)
class Receiver:
    """Whom to tell, and the key that signs. `is_after_storing`: of what was kept, when the store has it."""

    url: str
    key: bytes
    is_after_storing: bool


class Notifier:
    """Made, `start`ed and `close`d by one thread; `finished` by any."""

    def __init__(
        self,
        layout: Layout,
        receiver: Receiver,
        told: Callable[[Event], None],
        now: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
        at_once: int = limits.NOTICES_AT_ONCE,
    ) -> None:
        self._layout = layout
        self._receiver = receiver
        self._told = told
        self._wall = wall
        self._outbox = Outbox(layout)
        self._errands = Errands("notices", at_once, self.look, self._try, now)
        self._counting = threading.Lock()
        # Two threads may come to the same recording: one that looks for what is left, one that tells of it.
        self._writing = threading.Lock()
        self.counters: Counter[str] = Counter()
        self.close = self._errands.close

    def start(self) -> None:
        """Look what is to be told, and begin. What is recorded from now on is news."""
        with suppress(OSError):  # then it is tried again, and said, when it is looked what is to be told
            self._outbox.open()
        self._errands.start()

    def finished(self, one: Manifest) -> None:
        """A recording has its manifest, or is in the store now."""
        if kind_of(one, is_to_be_stored=self._receiver.is_after_storing) is not None:
            self._errands.add(one.name)

    @property
    def waiting(self) -> int:
        """Notices that are not told yet."""
        return self._errands.waiting

    def look(self) -> None:
        """Take up what nobody was told of; each is written down first."""
        try:
            self._outbox.open()
            for name in sorted(self._outbox.untold()):
                if self._noted(name) is not None:
                    self._errands.add(name)
        except OSError as error:
            # Looked for again; those that are told of meanwhile come to this by themselves, and are told of.
            self._count("failed_disk")
            _log.warning("notices cannot be looked for (%s); it is tried again", error.strerror or error)

    def _noted(self, name: str) -> Notice | None:
        """Its notice, on the disk; None where there is nothing to tell, or all was told. Raises OSError."""
        with self._writing:
            return self._read_or_made(name)

    def _read_or_made(self, name: str) -> Notice | None:
        one = self._outbox.notice(name)
        if one is not None:
            return None if one.told is not None else one
        try:
            manifest = read(self._layout.manifest_of(name))
        except (FileNotFoundError, ValueError):
            return None
        kind = kind_of(manifest, is_to_be_stored=self._receiver.is_after_storing)
        if kind is None:
            return None
        made = notice_of(manifest, kind, self._wall())
        self._outbox.keep(name, made)
        return made

    def _try(self, name: str) -> None:
        try:
            one = self._noted(name)
            if one is not None:
                self._send(name, one)
            waiting = self._errands.done(name)
            if waiting is not None:
                self._told(Heard(waiting))
        except NotTold as error:
            self._fail(name, error.code, error.reason, is_of_all=error.refusal is not Refusal.REFUSED)
        except OSError as error:
            self._fail(name, "disk", error.strerror or str(error), is_of_all=False)
        except Exception as error:  # noqa: BLE001 - the outermost driver of this thread: it ends for nothing
            _log.exception("%s: nobody was told of it", name)
            self._fail(name, "fault", repr(error), is_of_all=False)

    def _send(self, name: str, one: Notice) -> None:
        body, at = one.body.encode(), self._wall()
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "talkpath",
            **signed(self._receiver.key, one.id, int(at), body),
        }
        try:
            send(self._receiver.url, headers, body)
        except NotTold as error:
            with self._writing:
                self._outbox.keep(name, msgspec.structs.replace(one, tries=one.tries + 1, trouble=error.reason))
            raise
        with self._writing:
            self._outbox.told(name, one, at)
        self._count("told")
        self._told(Told(name, one))

    def _fail(self, name: str, code: str, reason: str, *, is_of_all: bool) -> None:
        pause_s, failures = self._errands.failed(name, is_of_all=is_of_all)
        self._count(f"failed_{code.removeprefix('notice-')}")
        self._told(Untold(name, code, reason, pause_s, failures))

    def _count(self, event: str) -> None:
        with self._counting:
            self.counters[event] += 1
