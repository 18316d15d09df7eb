"""What `talkpath calls` does: asks the running edge for its calls and the store for those of the past."""

import os
import re
import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from itertools import chain
from pathlib import Path

import msgspec
from rich.console import Console
from rich.table import Table
from rich.text import Text as RichText

from talkpath.app import calls_words as texts
from talkpath.app.choose import is_root
from talkpath.app.config import Config
from talkpath.app.control import ControlClient
from talkpath.app.lines import print_lines
from talkpath.app.phrase import Misuse, Trouble, phrase
from talkpath.app.state import DATABASE, state_directory
from talkpath.base.texts import Language
from talkpath.calls import words
from talkpath.calls.build import call_of
from talkpath.calls.drawing import Line, draw_call, draw_messages, printable
from talkpath.calls.facts import facts_of_summary, state_of, story_of
from talkpath.calls.ids import id_of
from talkpath.calls.model import Call, Result, Summary
from talkpath.calls.trace import Trace
from talkpath.store.history import HistoryReader, Wanted

_SPAN = re.compile(r"^(\d+)([smhd])$")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
_RESULT_COLOUR = {Result.ANSWERED: "green", Result.FAILED: "red", Result.ONGOING: "cyan"}
# Columns of a line that is printed as it comes, when nobody knows how wide the next will be.
_WIDTHS = (19, 12, 12, 14, 8, 8, 24, 12)
# Callers of `show` name one call; two are enough to see that a name is ambiguous.
_NAMED = 5


class Calls:
    """The calls of one state directory, running and past."""

    def __init__(self, config: Config, language: Language) -> None:
        self._state = state_directory(config, os.environ, is_root())
        self._edge = ControlClient(self._state)
        self._language = language

    def print_list(self, wanted: Wanted, *, as_json: bool) -> None:
        """Print the calls asked for, the latest last."""
        rows, is_running = self._rows(wanted)
        if as_json:
            _write(msgspec.json.format(msgspec.json.encode([facts_of_summary(row) for row in rows])))
            return
        if not is_running:
            self._talk(texts.NO_EDGE.say(self._language))
        if not rows:
            self._talk(texts.NO_CALLS.say(self._language))
        elif sys.stdout.isatty():
            Console().print(self._table(rows))
        else:
            for row in rows:
                _write(self._line(row).encode())

    def follow(self, wanted: Wanted, *, as_json: bool) -> None:
        """Print the calls that run and then every change, until interrupted. Raises `Trouble` without an edge."""
        changes = self._edge.follow(wanted)
        if changes is None:
            raise Trouble("no-edge", phrase(texts.NO_EDGE_TO_FOLLOW))
        running = [row for row in self._edge.rows(wanted) or () if row.ended_at is None]
        try:
            for row in chain(reversed(running), changes):
                _write(msgspec.json.encode(facts_of_summary(row)) if as_json else self._line(row).encode())
        except KeyboardInterrupt:
            return

    def show(self, name: str, *, as_json: bool, with_messages: bool) -> None:
        """Tell the story of one call. Raises `Trouble` when there is none, or several, of that name."""
        call = call_of(self._trace(name))
        if as_json:
            story = story_of(call, self._language, with_messages=with_messages)
            _write(msgspec.json.format(msgspec.json.encode(story)))
            return
        print_lines(self._page(call, with_messages))

    # --- finding

    def _rows(self, wanted: Wanted) -> tuple[list[Summary], bool]:
        """Running and past calls, the oldest first; whether an edge runs."""
        running = self._edge.rows(wanted)
        past = self._past(wanted, is_edge_running=running is not None)
        rows = {(row.id, row.call_id): row for row in [*past, *(running or ())]}
        latest = sorted(rows.values(), key=lambda row: row.start, reverse=True)[: wanted.limit]
        return latest[::-1], running is not None

    def _past(self, wanted: Wanted, *, is_edge_running: bool) -> list[Summary]:
        with _history(self._state / DATABASE, is_edge_running) as history:
            return history.find(wanted) if history else []

    def _trace(self, name: str) -> Trace:
        found = self._edge.traces(name)
        if not found:
            with _history(self._state / DATABASE) as history:
                found = history.traces(name, _NAMED) if history else []
        if not found:
            raise Trouble("no-such-call", phrase(texts.NO_SUCH_CALL, name=printable(name)))
        if len(found) > 1 and name not in found[0].call_ids:
            ids = ", ".join(id_of(trace.call_ids[0], trace.start) for trace in found)
            raise Trouble("several-calls", phrase(texts.SEVERAL_CALLS, name=printable(name), ids=ids))
        return found[0]

    # --- showing

    def _table(self, rows: list[Summary]) -> Table:
        table = Table(box=None, pad_edge=False, header_style="bold")
        for head in (texts.BEGUN, texts.FROM, texts.TO, texts.RESULT, texts.RING, texts.TALK, texts.ENDED, texts.ID):
            right = head in (texts.RING, texts.TALK)
            table.add_column(head.say(self._language), justify="right" if right else "left", overflow="fold")
        for row in rows:
            cells = [RichText(cell) for cell in self._cells(row)]
            cells[3].stylize(_RESULT_COLOUR.get(row.result, "yellow"))
            table.add_row(*cells)
        return table

    def _line(self, row: Summary) -> str:
        """A call on one line: in columns for people, its fields apart by tabs for awk and cut."""
        cells = self._cells(row)
        if not sys.stdout.isatty():
            return "\t".join(cells)
        return "  ".join(cell.ljust(width) for cell, width in zip(cells, _WIDTHS, strict=True)).rstrip()

    def _cells(self, row: Summary) -> list[str]:
        is_over = state_of(row) == "ended"
        result = words.result(row.result, is_over=is_over, language=self._language)
        status = f" {row.status}" if row.status >= 300 else ""
        ended = words.ending(row.ended_by, row.ended_how, self._language) if row.ended_at is not None else ""
        begun = datetime.fromtimestamp(row.start).strftime("%Y-%m-%d %H:%M:%S")
        cells = [
            begun,
            row.caller,
            row.callee,
            result + status,
            _span(row.ring_s),
            _span(_talk_s(row)),
            ended,
            row.id,
        ]
        return [printable(cell) for cell in cells]

    def _page(self, call: Call, with_messages: bool) -> Iterator[Line]:
        width = shutil.get_terminal_size((120, 40)).columns
        yield from draw_call(call, self._language, width)
        if with_messages:
            yield from draw_messages(call)

    def _talk(self, text: str) -> None:
        print(text, file=sys.stderr)


def begun_since(text: str, now: float | None = None) -> float:
    """The time that a person means, in seconds since the epoch. Raises `Misuse`."""
    now = time.time() if now is None else now
    span = _SPAN.match(text)
    if span is not None:
        return now - int(span[1]) * _SECONDS[span[2]]
    try:
        if re.match(r"^\d{1,2}:\d{2}$", text):
            text = f"{datetime.fromtimestamp(now).date().isoformat()}T{text:0>5}"
        return datetime.fromisoformat(text).timestamp()
    except ValueError:
        raise Misuse("bad-since", phrase(texts.BAD_SINCE, given=printable(text))) from None


@contextmanager
def _history(file: Path, is_edge_running: bool = False) -> Iterator[HistoryReader | None]:
    """The history of a file, or None where there is no file yet."""
    reader = HistoryReader(file, is_edge_running=is_edge_running) if file.exists() else None
    try:
        yield reader
    finally:
        if reader is not None:
            reader.close()


def _talk_s(row: Summary) -> float | None:
    """How long they talked; of a call that goes on, until now."""
    if state_of(row) != "talking" or row.answer_s is None:
        return row.talk_s
    return max(0.0, time.time() - row.start - row.answer_s)


def _span(seconds: float | None) -> str:
    """A duration as people read it: 4.2 s, 3:05, 1:02:03."""
    if seconds is None:
        return ""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, left = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{left:02}" if hours else f"{minutes}:{left:02}"


def _write(line: bytes) -> None:
    """One line of data to standard output, at once: followers are piped into other programs."""
    sys.stdout.buffer.write(line + b"\n")
    sys.stdout.buffer.flush()
