"""What `talkpath calls` shows: a list, every change, or the story of one call with what was found on it."""

import shutil
import sys
import time
from collections.abc import Iterator
from datetime import datetime
from itertools import chain

import msgspec
from rich.text import Text as RichText

from talkpath.app.calls import words as texts
from talkpath.app.calls.own import OwnCalls
from talkpath.app.console.lines import print_lines
from talkpath.app.console.phrase import Trouble, phrase
from talkpath.app.console.rows import Cell, plain, print_json, print_json_rows, print_line, print_rows, tabbed
from talkpath.app.log.guard import banned, refused
from talkpath.app.node.control import Change
from talkpath.base import limits
from talkpath.base.readable import brief, json_bytes, printable
from talkpath.base.texts import Language
from talkpath.calls import words
from talkpath.calls.drawing import Line, draw_messages
from talkpath.calls.facts import facts_of_summary, state_of, story_of
from talkpath.calls.guarded import Ban, Refused
from talkpath.calls.model import Result, Summary
from talkpath.explain.judging.explanation import Explained
from talkpath.explain.judging.own import explain_own
from talkpath.explain.reading.sites import Sites
from talkpath.explain.telling.as_json import finding
from talkpath.explain.telling.terminal import draw_explained
from talkpath.store.history import Wanted

_RESULT_COLOUR = {Result.ANSWERED: "green", Result.FAILED: "red", Result.ONGOING: "cyan"}
# Columns of a line that is printed as it comes, when nobody knows how wide the next will be.
_WIDTHS = (19, 12, 12, 14, 8, 8, 24, 12)


class Calls:
    """Shows the calls of one edge."""

    def __init__(self, known: OwnCalls, language: Language) -> None:
        self._known = known
        self._language = language

    def print_list(self, wanted: Wanted, *, as_json: bool) -> None:
        """Print the calls asked for, the latest last."""
        with self._known.rows(wanted) as (rows, is_running):
            if as_json:
                print_json_rows(map(facts_of_summary, rows))
                return
            if not is_running:
                self._talk(texts.NO_EDGE.say(self._language))
            elif reason := self._known.media_by_sockets():
                self._talk(texts.MEDIA_BY_SOCKETS.say(self._language, reason=reason))
            first = next(rows, None)
            if first is None:
                self._talk(texts.NO_CALLS.say(self._language))
                return
            cells = map(self._cells, chain([first], rows))
            print_rows(texts.HEADS, cells, self._language, (texts.RING, texts.TALK))

    def follow(self, wanted: Wanted, *, as_json: bool) -> None:
        """Print the calls that run and then every change, until interrupted. Raises `Trouble` without an edge."""
        changes = self._known.changes(wanted)
        if changes is None:
            raise Trouble("no-edge", phrase(texts.NO_EDGE_TO_FOLLOW))
        try:
            for change in changes:
                print_line(self._change_as_json(change) if as_json else self._change(change).encode())
        except KeyboardInterrupt:
            return

    def show(self, name: str, *, as_json: bool, with_messages: bool) -> None:
        """Tell the story of one call. Raises `Trouble` when there is none, or several, of that name."""
        one = self._explained(name)
        if as_json:
            story = story_of(one.call, self._language, with_messages=with_messages)
            story["findings"] = [finding(each, self._language) for each in one.findings]
            print_json(story)
            return
        print_lines(self._page(one, with_messages))

    def _explained(self, name: str) -> Explained:
        return explain_own([self._known.trace(name)], Sites(), time.time()).calls[0]

    # --- showing

    @staticmethod
    def _change_as_json(change: Change) -> bytes:
        if isinstance(change, Ban):
            return json_bytes({"ban": msgspec.to_builtins(change)})
        if isinstance(change, Refused):
            return json_bytes({"refused": msgspec.to_builtins(change)})
        return json_bytes(facts_of_summary(change))

    def _change(self, change: Change) -> str:
        if isinstance(change, Ban):
            return printable(f"{_clock(change.since)}  {banned(change).say(self._language)}")
        if isinstance(change, Refused):
            return printable(f"{_clock(change.last)}  {refused(change).say(self._language)}")
        return self._line(change)

    def _line(self, row: Summary) -> str:
        """A call on one line: in columns for people, its fields apart by tabs for awk and cut."""
        cells = self._cells(row)
        if not sys.stdout.isatty():
            return tabbed(cells)
        shown = (
            brief(plain(cell), limits.LOGGED_VALUE).ljust(width) for cell, width in zip(cells, _WIDTHS, strict=True)
        )
        return "  ".join(shown).rstrip()

    def _cells(self, row: Summary) -> list[Cell]:
        is_over = state_of(row) == "ended"
        result = words.result(row.result, is_over=is_over, language=self._language)
        status = f" {row.status}" if row.status >= 300 else ""
        ended = words.ending(row.ended_by, row.ended_how, self._language) if row.ended_at is not None else ""
        return [
            _clock(row.start),
            row.caller,
            row.callee,
            RichText(result + status, style=_RESULT_COLOUR.get(row.result, "yellow")),
            _span(row.ring_s),
            _span(_talk_s(row)),
            ended,
            row.id,
        ]

    def _page(self, one: Explained, with_messages: bool) -> Iterator[Line]:
        width = shutil.get_terminal_size((120, 40)).columns
        yield from draw_explained(one, self._language, width)
        if with_messages:
            yield from draw_messages(one.call)

    def _talk(self, text: str) -> None:
        print(text, file=sys.stderr)


def _clock(at: float) -> str:
    return datetime.fromtimestamp(at).strftime("%Y-%m-%d %H:%M:%S")


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
