"""Joins who records a call (`edge/calls/recording.py`) to files: packets by the native recorder, else the keeper."""

import os
import secrets
import threading
from collections.abc import Callable
from contextlib import suppress
from functools import partial

import msgspec

from talkpath import _native
from talkpath.base.errors import Malformed
from talkpath.calls.ledger import Ledger
from talkpath.calls.model import Value
from talkpath.edge.calls.tape import Facts, TakingPart
from talkpath.net.recorder import RecordingDriver, Told
from talkpath.sip.grammar import NameAddr
from talkpath.store.recordings.atwork import Held, Mark, forget_the_dead, mending
from talkpath.store.recordings.keeper import Book, Keeper
from talkpath.store.recordings.layout import name_of
from talkpath.store.recordings.manifest import Manifest, Party, State, known, local
from talkpath.store.recordings.mending import Mended, left_over, sweep, tried

# How long the end of the edge waits for the one recording that is being closed.
_PARTING_S = 5.0


class CallRecorder:
    """Makes recordings of calls; `Recorder` of the edge."""

    def __init__(
        self, driver: RecordingDriver, keeper: Keeper, ledger: Ledger, link_type: str, now: Callable[[], float]
    ) -> None:
        self._driver = driver
        self._keeper = keeper
        self._ledger = ledger
        self._link_type = link_type
        self._now = now
        self._has_folders = False
        self._held: Held | None = None
        self._mark: Mark | None = None
        self._mender: threading.Thread | None = None
        self._is_ending = False

    def look(self) -> list[str]:
        """What an edge that died left in the directory; with others at work there, what surely is of one that died.
        Before anything is recorded: that would look the same. Raises OSError."""
        layout = self._keeper.layout
        if not layout.directory.exists():
            return []
        layout.make()
        self._held = Held.alone(layout.directory)
        is_alone = self._held is not None
        names = left_over(layout, is_recording=not is_alone)
        if self._held is None:
            self._held = Held.shared(layout.directory)
            return names
        sweep(layout)
        forget_the_dead(layout.directory)
        self._held.share()
        return names

    def close_left(self, names: list[str], told: Callable[[Mended], None]) -> None:
        """Close these in a thread of its own, which tells of each: of hundreds it takes many seconds, and phones wait
        for an edge that comes back."""
        work = partial(self._close_left, names, told)
        self._mender = threading.Thread(target=work, name="talkpath-mending", daemon=True)
        self._mender.start()

    def _close_left(self, names: list[str], told: Callable[[Mended], None]) -> None:
        try:
            with mending(self._keeper.layout.directory):
                for name in names:
                    if self._is_ending:
                        return
                    self._close_one(name, told)
        except OSError as error:
            told(Mended(", ".join(names[:3]), 0, 0, error.strerror or str(error)))

    def _close_one(self, name: str, told: Callable[[Mended], None]) -> None:
        layout = self._keeper.layout
        one = tried(layout, name)
        told(one)
        # What was there already and cannot be read is for `verify` to tell.
        if (made := known(layout.manifest_of(name))) is not None:
            self._keeper.finished(made)

    def open(self, facts: Facts, why: str, now: float, continues: str = "") -> "CallTape":
        """Begin a new recording, which `continues` that of a process that is gone. Its name is new whatever is there:
        64 random bits."""
        self._make_folders()
        name = name_of(facts.call_id, secrets.token_hex(8))
        pcap = self._keeper.layout.pcap_of(name)
        manifest = Manifest(
            name=name,
            state=State.RECORDING,
            call_id=_shown(facts.call_id),
            link_type=self._link_type,
            started=now,
            started_by=why,
            continues=continues,
            stored=(local(name),),
            edge="" if self._mark is None else self._mark.edge,
        )

        def note(kind: str, **values: Value) -> None:
            self._ledger.moment(self._now(), facts.call_id, kind, name=name, **values)

        tape = CallTape(name, _with(manifest, facts, now), self._keeper, note, self._now)
        tape.recording = self._driver.open(pcap, self._link_type, tape.told)
        return tape

    def close(self) -> None:
        """Nothing is recorded any more: others may mend what lies there."""
        self._is_ending = True
        if self._mender is not None:
            self._mender.join(timeout=_PARTING_S)
        if self._held is not None:
            self._held.release()
            self._held = None
        if self._mark is not None:
            self._mark.remove()
            self._mark = None

    def _make_folders(self) -> None:
        """What cannot be made now is told of the recording, and tried again."""
        if self._has_folders and self._held is not None and self._mark is not None:
            return
        with suppress(OSError):
            layout = self._keeper.layout
            layout.make()
            self._has_folders = True
            self._mark = self._mark or Mark(layout.directory)
            self._held = self._held or Held.shared(layout.directory)


class CallTape:
    """One recording; `Tape` of the edge."""

    recording: _native.Recording

    def __init__(
        self, name: str, manifest: Manifest, keeper: Keeper, note: Callable[..., None], now: Callable[[], float]
    ) -> None:
        self.name = name
        self._keeper = keeper
        self._note = note
        self._now = now
        self._facts = manifest
        self._book: Book = keeper.begin(manifest)
        self._trouble = ""

    def describe(self, mode: str, side: str, sdp: bytes, at: float) -> None:
        """A description went to a side of the call."""
        self._keeper.describe(self._book, mode, side, sdp, at, self.recording.packets + 1)

    def learn(self, facts: Facts, now: float) -> None:
        """More is known of the call."""
        self._change(facts, now)
        self._keeper.learn(self._book, self._facts)

    def pause(self, by: str, now: float) -> None:
        """Leave a gap from now on."""
        self.recording.pause()
        self._keeper.pause(self._book, now, by)

    def resume(self, now: float) -> None:
        """The gap ends."""
        self.recording.resume()
        self._keeper.resume(self._book, now)

    def close(self, facts: Facts, end: str, by: str, now: float) -> None:
        """It is over; the manifest follows when the disk has the packets."""
        self._change(facts, now)
        self.recording.close()
        # Packets came until this moment, which is a little later than what ended it.
        ended = self._now()
        self._facts = msgspec.structs.replace(self._facts, ended=ended, end=end, ended_by=by, result=facts.how)

    def _change(self, facts: Facts, now: float) -> None:
        self._facts = _with(msgspec.structs.replace(self._facts, pauses=self._book.facts.pauses), facts, now)

    def told(self, what: Told) -> None:
        """The native recorder speaks of it."""
        match what:
            case _native.RecordingFailing():
                self._trouble = os.strerror(what.errno) if what.errno else "the disk is too slow"
                self._note("recording.failing", why=self._trouble)
            case _native.RecordingRecovered():
                self._note("recording.recovered")
            case _native.RecordingClosed():
                self._finish(what)

    def _finish(self, end: _native.RecordingClosed) -> None:
        facts = self._facts
        if facts.ended is None:
            facts = msgspec.structs.replace(facts, ended=self._now(), end="edge-stopped")
        if not end.packets and not end.dropped and facts.answered is None and facts.end == "call-ended":
            self._keeper.discard(self._book)
            self._note("recording.empty")
            return
        facts = msgspec.structs.replace(
            facts,
            state=State.COMPLETE if end.length and not end.errno else State.FAILED,
            pauses=self._book.facts.pauses,
            packets=end.packets,
            dropped=end.dropped,
            bytes=end.length,
            sha256=end.sha256.hex() if end.length else "",
            trouble=self._trouble,
            stored=facts.stored if end.length else (),
        )
        self._keeper.finish(self._book, facts)
        if facts.state is State.FAILED:
            self._note("recording.lost", why=os.strerror(end.errno), packets=end.packets, dropped=end.dropped)
        else:
            self._note("recording.saved", packets=end.packets, bytes=end.length)
            if end.dropped:
                self._note("recording.dropped", packets=end.packets, dropped=end.dropped)


def _with(manifest: Manifest, facts: Facts, now: float) -> Manifest:
    answered = now if facts.is_answered and manifest.answered is None else manifest.answered
    return msgspec.structs.replace(manifest, parties=tuple(map(_party, facts.parties)), answered=answered)


def _party(one: TakingPart) -> Party:
    number = ""
    with suppress(Malformed):
        number = NameAddr.parse(one.name).parsed_uri().number if one.name else ""
    return Party(
        leg=one.leg,
        side=one.side,
        name=_shown(one.name),
        number=_shown(number),
        user=_shown(one.user),
        gateway=one.gateway,
        remote=one.remote,
    )


def _shown(text: str) -> str:
    """Bytes of a peer that are no UTF-8 have no place in JSON."""
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
