"""What `talkpath recordings` does with the files that are there. The edge need not run."""

import re
import sys
import time
from collections.abc import Iterator
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

import msgspec

from talkpath.app.calls.own import OwnCalls
from talkpath.app.config.tree import Config
from talkpath.app.console.phrase import Misuse, Trouble, phrase
from talkpath.app.console.rows import Cell, print_json, print_rows
from talkpath.app.recordings import words as texts
from talkpath.app.state.directory import recordings_directory, state_directory
from talkpath.base.readable import printable
from talkpath.base.texts import Language
from talkpath.calls.model import Result
from talkpath.calls.trace import Trace
from talkpath.store.history import Wanted
from talkpath.store.notices.outbox import Outbox
from talkpath.store.recordings.atwork import Held, edges_at_work, mending
from talkpath.store.recordings.layout import Layout
from talkpath.store.recordings.manifest import LOCAL, Manifest, State
from talkpath.store.recordings.shelf import Shelf, Sought, outdated
from talkpath.store.recordings.verifying import FRESH_S, Expected, Fault, Finding, repair, verify
from talkpath.store.shipping import auditing

_SIZE = re.compile(r"^(\d+)([kMGT]?)B?$")
_BYTES = {"": 1, "k": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}
# The history holds so many calls at most; the latest are looked through for recordings that were never made.
_MOST_CALLS = 100_000
_CALLS_AT_ONCE = 500


class Recordings:
    """The recordings of one edge, for the command line."""

    def __init__(self, config: Config, language: Language) -> None:
        self._config = config
        self._language = language
        directory = recordings_directory(config, state_directory(config))
        self._shelf = Shelf(directory)

    @property
    def _layout(self) -> Layout:
        return self._shelf.layout

    # --- showing

    def print_list(self, sought: Sought, *, as_json: bool) -> None:
        """Print those asked for, the latest last, and say how many could not be looked at. Raises `Trouble`."""
        try:
            found = self._shelf.find(sought)
        except OSError as error:
            raise _failed(error) from error
        if self._shelf.unread:
            self._talk(texts.UNREAD.say(self._language, count=self._shelf.unread))
        if as_json:
            print_json([msgspec.to_builtins(one) for one in found])
        elif not found:
            self._talk(texts.NONE.say(self._language))
        else:
            print_rows(texts.HEADS, [self._cells(one) for one in found], self._language, texts.RIGHT)

    def show(self, name: str) -> None:
        """Print the manifest of one, the paths of its files, and whether who asked was told. Raises `Trouble`."""
        one = self._one(name)
        more: dict[str, Any] = {"files": [str(path) for path in self._shelf.files_of(one)]}
        notice = Outbox(self._layout).notice(one.name)
        if notice is not None:
            more["notice"] = {key: value for key, value in msgspec.to_builtins(notice).items() if key != "body"}
        print_json({**msgspec.to_builtins(one), **more})

    def pcap_of(self, name: str, spare: Path) -> Path:
        """Where the packets of one are; those that only the store has are brought to `spare`. Raises `Trouble`."""
        known = self._shelf.find(Sought(name=name, with_removed=True))
        if len(known) == 1 and (self._layout.pcap_of(known[0].name).exists() or not known[0].in_store):
            return self._layout.pcap_of(known[0].name)
        try:
            brought = list(self._brought(name, Layout(spare)))
        except OSError as error:
            raise _failed(error) from error
        return next(path for path in brought if path.parent == Layout(spare).pcaps)

    def _one(self, name: str) -> Manifest:
        found = self._shelf.find(Sought(name=name, with_removed=True))
        if not found:
            raise Trouble("no-recording", phrase(texts.NO_SUCH, name=printable(name)))
        if len(found) > 1:
            names = ", ".join(one.name for one in found[:5])
            raise Trouble("several-recordings", phrase(texts.SEVERAL, name=printable(name), names=printable(names)))
        return found[0]

    def _cells(self, one: Manifest) -> list[Cell]:
        parties = {side: [p for p in one.parties if p.side == side] for side in ("caller", "callee")}
        length = "" if one.ended is None else f"{one.ended - one.started:.0f} s"
        return [
            datetime.fromtimestamp(one.started).strftime("%Y-%m-%d %H:%M:%S"),
            *(", ".join(p.number or p.user for p in parties[side]) for side in ("caller", "callee")),
            ", ".join(sorted(one.gateways)),
            length,
            str(one.packets),
            str(one.dropped) if one.dropped else "",
            texts.STATES[one.state].say(self._language),
            one.name,
        ]

    # --- doing

    def export(self, sought: Sought, target: Path) -> None:
        """Copy those asked for into another directory, in the same layout. Raises `Trouble`."""
        found = self._shelf.find(sought)
        if not found:
            raise Trouble("no-recording", phrase(texts.NONE))
        from talkpath.app.recordings import storage

        try:
            for one in found:
                if one.in_store and not self._layout.pcap_of(one.name).exists():
                    for path in storage.fetched(self._config.recording, one, Layout(target)):
                        print(path)
                for path in self._shelf.export([one], target):
                    print(path)
        except OSError as error:
            raise _failed(error) from error

    def fetch(self, name: str, into: Path | None) -> None:
        """Bring one back from the store it went to, and print its files. Raises `Trouble`."""
        try:
            for path in self._brought(name, self._layout if into is None else Layout(into)):
                print(path)
        except OSError as error:
            raise _failed(error) from error

    def _brought(self, name: str, layout: Layout) -> Iterator[Path]:
        from talkpath.app.recordings import storage

        recording = self._config.recording
        known = self._shelf.find(Sought(name=name, with_removed=True))
        # What another edge recorded, or one copied whose disk failed, is known to the store alone, by its whole name.
        if recording.store and all(one.state is State.FAILED for one in known):
            return storage.fetched_by_name(recording, name, layout)
        return storage.fetched(recording, self._one(name), layout)

    def prune(self, older: str, most: str, *, is_dry: bool, is_store_too: bool = False) -> None:
        """Remove the oldest: here, or with what the store has of them. Raises `Trouble`."""
        if not older and not most:
            raise Misuse("prune-what", phrase(texts.PRUNE_WHAT))
        days = _days(older) if older else None
        some = [one for one in self._shelf.all() if is_store_too or one.is_local or not one.in_store]
        gone = outdated(some, time.time(), days, _bytes(most) if most else None, with_removed=is_store_too)
        freed = 0
        try:
            for one in gone:
                freed += one.bytes if is_dry else self._removed(one, is_store_too=is_store_too)
                print(one.name)
        except OSError as error:
            raise _failed(error) from error
        text = texts.WOULD_PRUNE if is_dry else texts.PRUNED
        self._talk(text.say(self._language, count=len(gone), size=f"{freed / 1e6:.1f} MB"))

    def _removed(self, one: Manifest, *, is_store_too: bool) -> int:
        """Remove one; the bytes. What the store has goes first: while it is there the manifest says so."""
        from talkpath.app.recordings import storage

        if not is_store_too or not one.in_store:
            return self._shelf.remove(one, time.time())
        freed = storage.removed(self._config.recording, one)
        kept = tuple(at for at in one.stored if at.where == LOCAL)
        return freed + self._shelf.remove(msgspec.structs.replace(one, stored=kept), time.time())

    # --- verifying

    def verify(self, *, is_to_repair: bool, as_json: bool, is_only_here: bool = False) -> bool:
        """Print everything that is wrong; whether nothing is, or all was mended. Raises `Trouble`."""
        if self._config.recording.store and not is_only_here:
            self._layout.make()  # what a node that died left in the store may be put together here
        if not self._layout.directory.exists():
            self._talk(texts.NONE.say(self._language))
            return not self._report_never_made(as_json)
        try:
            found = self._found(is_to_repair=is_to_repair)
            if not is_only_here:
                found += self._found_in_stores(is_to_repair=is_to_repair)
            if as_json:
                print_json([self._as_json(one, mended) for one, mended in found])
            for one, mended in () if as_json else found:
                print(printable(self._line(one, mended)))
        except OSError as error:
            raise _failed(error) from error
        left = sum(not mended for _, mended in found)
        self._talk(texts.VERIFIED.say(self._language, faults=len(found), mended=len(found) - left))
        return not left

    def _found(self, *, is_to_repair: bool) -> list[tuple[Finding, bool]]:
        directory = self._layout.directory
        with mending(directory):
            held = Held.alone(directory)
            try:
                # An edge that began to record while another command had the directory alone has its mark there.
                is_recording = held is None or any(edges_at_work(directory))
                faults = verify(self._layout, self._expected(), is_recording=is_recording)
                return [(one, is_to_repair and self._is_mended(one)) for one in faults]
            finally:
                if held is not None:
                    held.release()

    def _found_in_stores(self, *, is_to_repair: bool) -> list[tuple[Finding, bool]]:
        from talkpath.app.recordings import storage

        faults = auditing.audit(self._layout, partial(storage.objects_at, self._config.recording))
        found = [(one, is_to_repair and auditing.bring_again(self._layout, one)) for one in faults]
        if any(one.fault is Fault.STORE_UNREAD for one, _ in found):
            return found
        return found + list(storage.left_over(self._config.recording, self._layout, is_to_repair=is_to_repair))

    def _is_mended(self, one: Finding) -> bool:
        """What cannot be mended is said, and keeps no other from it."""
        try:
            return repair(self._layout, one)
        except OSError as error:
            self._talk(_failed(error).what.say(self._language))
            return False

    def _report_never_made(self, as_json: bool) -> bool:
        missing = [Finding(Fault.NEVER_MADE, one.name, Path(), one.call_id) for one in self._expected()]
        if as_json:
            print_json([self._as_json(one, False) for one in missing])
        for one in () if as_json else missing:
            print(printable(self._line(one, False)))
        return bool(missing)

    def _expected(self) -> Iterator[Expected]:
        """The answered calls of the past whose stories say that they were recorded."""
        until = None
        calls, own = 0, OwnCalls(self._config)
        while calls < _MOST_CALLS:
            wanted = Wanted(until=until, result=Result.ANSWERED, limit=_CALLS_AT_ONCE)
            traces = own.traces(wanted, is_own_only=True)
            for trace in traces:
                yield from _recordings_of(trace)
            calls += len(traces)
            if len(traces) < _CALLS_AT_ONCE or traces[0].start == until:
                return
            until = traces[0].start

    def _line(self, one: Finding, mended: bool) -> str:
        said = texts.FAULTS[one.fault].say(self._language, name=one.name, path=one.path, of=one.of)
        return f"{one.fault}: {said}" + (f" {texts.MENDED.say(self._language)}" if mended else "")

    @staticmethod
    def _as_json(one: Finding, mended: bool) -> dict[str, object]:
        return {"fault": one.fault, "name": one.name, "path": str(one.path), "of": one.of, "mended": mended}

    @staticmethod
    def _talk(text: str) -> None:
        print(text, file=sys.stderr)


def _recordings_of(trace: Trace) -> Iterator[Expected]:
    """The recordings that a call was to have. What was not kept because nothing was heard is none."""
    begun: dict[str, None] = {}
    for _, kind, values in trace.moments:
        name = str(values.get("name", ""))
        if kind == "recording.started":
            begun[name] = None
        elif kind == "recording.empty":
            begun.pop(name, None)
    is_over = trace.ended_at is not None and trace.ended_at < time.time() - FRESH_S
    for name in begun if is_over else ():
        yield Expected(name, trace.call_ids[0])


def _failed(error: OSError) -> Trouble:
    return Trouble("recordings-io", phrase(texts.FAILED, path=error.filename or "", why=error.strerror or str(error)))


def _days(text: str) -> float:
    span = re.match(r"^(\d+)([hdw])$", text)
    if span is None:
        raise Misuse("bad-age", phrase(texts.BAD_AGE, given=printable(text)))
    return int(span[1]) * {"h": 1 / 24, "d": 1, "w": 7}[span[2]]


def _bytes(text: str) -> int:
    size = _SIZE.match(text)
    if size is None:
        raise Misuse("bad-size", phrase(texts.BAD_SIZE, given=printable(text)))
    return int(size[1]) * _BYTES[size[2]]
