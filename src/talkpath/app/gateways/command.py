"""What `talkpath gateways` does: shows those of the running edge, and changes what is done by hand."""

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import msgspec
from rich.text import Text as RichText

from talkpath.app.config.gateway_checks import files_of_one, of_one
from talkpath.app.config.near import nearest
from talkpath.app.config.tree import Config
from talkpath.app.console.phrase import Misuse, Phrase, Trouble, phrase
from talkpath.app.console.rows import Cell, print_json, print_line, print_rows, redrawn, tabbed
from talkpath.app.gateways import words as texts
from talkpath.app.gateways.by_hand import ByHand, OwnGateways, gateway_of, values_of
from talkpath.app.gateways.options import mistakes
from talkpath.app.gateways.rows import GatewayRow
from talkpath.app.node.control import ControlClient
from talkpath.app.state.by_hand import FileByHand
from talkpath.app.state.directory import make_state_directory, state_directory
from talkpath.base.readable import json_bytes, printable
from talkpath.base.texts import Language
from talkpath.calls.gateway_words import reason

_COLOUR = {"up": "green", "down": "red", "broken": "red", "disabled": "dim"}
_RIGHT = (texts.SINCE, texts.LATENCY, texts.CHANNELS, texts.ASR, texts.NER)
_WATCH_S = 1.0


# --- showing


def print_gateways(config: Config, language: Language, *, as_json: bool) -> None:
    """Print the gateways. Raises `Trouble` without an edge."""
    rows = _rows(config)
    if as_json:
        print_json([msgspec.to_builtins(row) for row in rows])
    elif not rows:
        print(texts.NONE.say(language), file=sys.stderr)
    else:
        print_rows(texts.HEADS, [_cells(row, language) for row in rows], language, _RIGHT)


def watch_gateways(config: Config, language: Language, *, as_json: bool) -> None:
    """Print them until interrupted: drawn anew on a terminal, else those that changed."""
    if sys.stdout.isatty() and not as_json:
        redrawn(texts.HEADS, lambda: [_cells(row, language) for row in _rows(config)], language, _RIGHT, _WATCH_S)
        return
    for row in _changes(lambda: _rows(config)):
        print_line(json_bytes(msgspec.to_builtins(row)) if as_json else tabbed(_cells(row, language)).encode())


def _rows(config: Config) -> list[GatewayRow]:
    rows = ControlClient(state_directory(config)).gateways()
    if rows is None:
        raise Trouble("no-edge", phrase(texts.NO_EDGE))
    return rows


def _changes(rows: Callable[[], list[GatewayRow]]) -> Iterator[GatewayRow]:
    """Every gateway once, and then each whose state changes, or that is there no more."""
    known: dict[str, GatewayRow] = {}
    while True:
        there = {row.name: row for row in rows()}
        for name in [one for one in known if one not in there]:
            yield msgspec.structs.replace(known[name], state="removed", since=time.time(), why="operator")
        for name, row in there.items():
            if name not in known or _state(known[name]) != _state(row):
                yield row
        known = there
        time.sleep(_WATCH_S)


def _state(row: GatewayRow) -> tuple[object, ...]:
    return row.state, row.since, row.registration, row.registration_why


def _cells(row: GatewayRow, language: Language) -> list[Cell]:
    now = time.time()
    state = texts.STATES[row.state].say(language)
    failure = reason(row.last_failure, language)
    if row.last_failure_at:
        failure = texts.AGO.say(language, what=failure, ago=_span(now - row.last_failure_at))
    registration = texts.REGISTRATIONS[row.registration].say(language)
    if row.registration_why:
        registration += f": {reason(row.registration_why, language)}"
    return [
        row.name,
        row.group,
        RichText(state, style=_COLOUR.get(row.state, "yellow")),
        _span(now - row.since),
        _why(row, language),
        "" if row.latency_s is None else f"{row.latency_s * 1000:.1f} ms",
        f"{row.channels}/{row.most_channels}" if row.most_channels else str(row.channels),
        _share(row.asr),
        _share(row.ner),
        failure,
        registration,
        row.address,
    ]


def _why(row: GatewayRow, language: Language) -> str:
    why = reason(row.why, language)
    return texts.HEARD.say(language, node=row.heard_from, why=why) if row.heard_from else why


def _share(share: float | None) -> str:
    return "" if share is None else f"{share:.0%}"


def _span(seconds: float) -> str:
    """A time in its largest units."""
    whole = int(max(0.0, seconds))
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min"
    return f"{whole // 3600} h" if whole < 172_800 else f"{whole // 86_400} d"


# --- changing


def disable(config: Config, names: Sequence[str], language: Language, *, is_disabled: bool) -> None:
    """Give gateways no calls any more, or again; all or none. Raises `Trouble`."""
    with _alone(config) as (file, by_hand, known):
        for name in names:
            _must_exist(name, known)
        others = [name for name in by_hand.disabled if name not in names and name in known]
        file.write(ByHand(by_hand.added, (*others, *(names if is_disabled else ()))))
    text = texts.IS_DISABLED if is_disabled else texts.IS_ENABLED
    for name in names:
        print(text.say(language, name=name), file=sys.stderr)


def add(config: Config, values: dict[str, Any], language: Language) -> None:
    """Add a gateway with these values of the configuration's keys. Raises `Trouble`."""
    for wrong in mistakes(values):
        raise Misuse("bad-gateway", wrong)
    gateway = gateway_of(values)
    for _, wrong in (*of_one(gateway), *files_of_one(gateway)):
        raise Misuse("bad-gateway", wrong)
    with _alone(config) as (file, by_hand, known):
        if gateway.name in known:
            raise Trouble("gateway-exists", phrase(texts.EXISTS, name=gateway.name))
        file.write(ByHand((*by_hand.added, values_of(gateway)), by_hand.disabled))
    print(texts.ADDED.say(language, name=gateway.name), file=sys.stderr)


def remove(config: Config, names: Sequence[str], language: Language) -> None:
    """Remove gateways that were added by hand; all or none. Raises `Trouble`."""
    with _alone(config) as (file, by_hand, known):
        for name in names:
            _must_exist(name, known)
            if name in {one.name for one in config.gateways}:
                raise Trouble("gateway-configured", phrase(texts.CONFIGURED, name=name))
        left = tuple(one for one in by_hand.added if one.get("name") not in names)
        file.write(ByHand(left, tuple(name for name in by_hand.disabled if name not in names)))
    for name in names:
        print(texts.REMOVED.say(language, name=name), file=sys.stderr)


@contextmanager
def _alone(config: Config) -> Iterator[tuple[FileByHand[ByHand], ByHand, list[str]]]:
    """The file, which no other command changes meanwhile, its content, and the names of all gateways."""
    file = OwnGateways(make_state_directory(state_directory(config))).file
    with file.alone():
        by_hand = file.read()
        configured = [one.name for one in config.gateways]
        yield file, by_hand, [*configured, *(one.name for one in by_hand.gateways())]


def _must_exist(name: str, known: Sequence[str]) -> None:
    if name not in known:
        raise Trouble("no-such-gateway", _unknown(name, known))


def _unknown(name: str, known: Sequence[str]) -> Phrase:
    near = nearest(name, list(known))
    if near is not None:
        return phrase(texts.UNKNOWN_NEAR, name=printable(name), near=near)
    return phrase(texts.UNKNOWN, name=printable(name))
