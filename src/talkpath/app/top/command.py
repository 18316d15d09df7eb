"""What `talkpath top` shows: the calls that run, with bars for how loud each side is and how much of it is lost."""

import sys
import time
from collections.abc import Iterator

from rich.text import Text as RichText

from talkpath.app.config.tree import Config
from talkpath.app.console.phrase import Trouble, phrase
from talkpath.app.console.rows import Cell, print_lines_of, print_rows, redrawn
from talkpath.app.node.control import ControlClient
from talkpath.app.state.directory import state_directory
from talkpath.app.top import words as texts
from talkpath.app.top.rows import TopRow, Way
from talkpath.base.readable import json_bytes
from talkpath.base.texts import Language

# How often the screen is drawn: the meters tell once a second.
_PAUSE_S = 1.0
_CELLS = 10
# The scales of the bars: from where nothing is heard, and to what nobody bears.
_QUIET_DBOV = -60.0
_MOST_LOSS = 0.2
# What is heard and what hurts.
_SPEECH_DBOV = -45.0
_SOME_LOSS, _MUCH_LOSS = 0.01, 0.05
# Nothing came for so long: the bar is empty.
_STALE_S = 3.0
# As many fit on a screen; the worst stand first.
_SHOWN = 60


def show_top(config: Config, language: Language, *, as_json: bool) -> None:
    """Draw the calls until interrupted; into a pipe, or as JSON, they are told once. Raises `Trouble` without an
    edge."""
    if as_json:
        print_lines_of(json_bytes(row) for row in _calls(config))
    elif not sys.stdout.isatty():
        print_rows(texts.HEADS, [_cells(row, language) for row in _calls(config)], language)
    else:
        try:
            redrawn(texts.HEADS, lambda: _screen(config, language), language, (), _PAUSE_S)
        except KeyboardInterrupt:
            return


def _screen(config: Config, language: Language) -> list[list[Cell]]:
    return [_cells(row, language) for row in _calls(config)[:_SHOWN]]


def _calls(config: Config) -> list[TopRow]:
    """The calls, those of which most is lost first, and then the longest."""
    rows = ControlClient(state_directory(config)).top()
    if rows is None:
        raise Trouble("no-edge", phrase(texts.NO_EDGE))
    return sorted(rows, key=lambda row: (-_loss(row), row.start))


def _loss(row: TopRow) -> float:
    """In steps, so that calls do not change places each second."""
    worst = max((way.loss for way in (row.caller_way, row.callee_way) if way is not None), default=0.0)
    return round(worst, 2)


def _cells(row: TopRow, language: Language) -> list[Cell]:
    now = time.time()
    cells: list[Cell] = [
        row.id,
        row.caller,
        row.callee,
        texts.STATES[row.state].say(language),
        _span(now - row.start),
    ]
    for way in (row.caller_way, row.callee_way):
        cells += _bars(way, now)
    return cells


def _bars(way: Way | None, now: float) -> Iterator[Cell]:
    """Codec, level and loss of one side."""
    if way is None or now - way.at > _STALE_S:
        yield from ("", RichText("·" * _CELLS, style="red"), "")
        return
    yield way.codec
    level = way.level_dbov
    if level is None:
        yield "?"
    else:
        share = 1 - max(_QUIET_DBOV, min(0.0, level)) / _QUIET_DBOV
        yield RichText(f"{_bar(share)} {level:4.0f}", style="green" if level >= _SPEECH_DBOV else "yellow")
    colour = "red" if way.loss >= _MUCH_LOSS else "yellow" if way.loss >= _SOME_LOSS else "green"
    yield RichText(f"{_bar(way.loss / _MOST_LOSS)} {way.loss:4.0%} {way.jitter_ms:3.0f} ms", style=colour)


def _bar(share: float) -> str:
    full = round(max(0.0, min(1.0, share)) * _CELLS)
    return "█" * full + "░" * (_CELLS - full)


def _span(seconds: float) -> str:
    minutes, left = divmod(max(0, int(seconds)), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{left:02}" if hours else f"{minutes}:{left:02}"
