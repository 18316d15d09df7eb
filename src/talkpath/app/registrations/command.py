"""What `talkpath registrations` shows: who is registered, from where, whether the phone is still there, and who is
not let in; or each change as it comes. Rows are shown as they arrive, however many there are."""

import sys
import time
from collections.abc import Iterable, Iterator
from functools import lru_cache
from itertools import chain, islice

import msgspec
from rich.text import Text as RichText

from talkpath.app.console.phrase import Trouble, phrase
from talkpath.app.console.rows import Cell, plain, print_line, print_lines_of, print_rows, tabbed, widths_of
from talkpath.app.log.guard import refused
from talkpath.app.registrations import words as texts
from talkpath.app.registrations.news import Missed, News, Refusal, RegistrationChange
from talkpath.app.registrations.rows import PhoneRow
from talkpath.base.readable import printable
from talkpath.base.texts import Language
from talkpath.calls.guarded_words import WHY

_COLOUR = {
    **dict.fromkeys(("gone", "closed", "lost", "refused"), "red"),
    **dict.fromkeys(("answers", "open", "elsewhere"), "green"),
}
# As many are laid out as a table; beyond, columns are as wide as these need, and the rest is not waited for.
_LAID_OUT = 500


def print_registrations(rows: Iterable[bytes] | None, language: Language, *, as_json: bool) -> None:
    """Print the registrations, each a `PhoneRow` in JSON. Raises `Trouble` without an edge."""
    if rows is None:
        raise Trouble("no-edge", phrase(texts.NO_EDGE))
    if as_json:
        print_lines_of(_array(rows))
        return
    decode, now = msgspec.json.Decoder(PhoneRow).decode, time.time()
    cells = (_cells(decode(row), now, language) for row in rows)
    first = list(islice(cells, _LAID_OUT))
    if not first:
        print(texts.NOBODY.say(language), file=sys.stderr)
    elif not sys.stdout.isatty():
        print_lines_of(tabbed(row).encode() for row in chain(first, cells))
    elif len(first) < _LAID_OUT:
        print_rows(texts.HEADS, first, language)
    else:
        print_lines_of(_columns(first, cells, language))


def follow_registrations(changes: Iterable[bytes] | None, user: str, language: Language, *, as_json: bool) -> None:
    """Print each change from now on, a line each, until interrupted. Raises `Trouble` without an edge."""
    if changes is None:
        raise Trouble("no-edge", phrase(texts.NO_EDGE))
    decoder = msgspec.json.Decoder(News)
    try:
        for line in changes:
            told = decoder.decode(line)
            if not user or told.user in ("", user):
                print_line(line if as_json else _change(told, language).encode())
    except KeyboardInterrupt:
        return


def _array(rows: Iterable[bytes]) -> Iterator[bytes]:
    """One JSON array, a row a line."""
    lead = b"["
    for row in rows:
        yield lead + row
        lead = b","
    yield b"[]" if lead == b"[" else b"]"


def _columns(first: list[list[Cell]], rest: Iterable[list[Cell]], language: Language) -> Iterator[bytes]:
    heads: list[Cell] = [head.say(language) for head in texts.HEADS]
    widths = widths_of([heads, *first])
    for row in chain([heads], first, rest):
        yield "  ".join(plain(cell).ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip().encode()


def _cells(row: PhoneRow, now: float, language: Language) -> list[Cell]:
    return [
        row.user,
        f"{row.transport} {row.address}",
        texts.NAT.say(language) if row.is_behind_nat else "",
        _state(row.health, row.node, language),
        f"{row.rtt_s * 1000:.1f} ms" if row.rtt_s else "",
        f"{max(0.0, now - row.answered_at):.0f} s" if row.answered_at else "",
        _clock(row.registered_at),
        f"{max(0.0, row.expires_at - now):.0f} s" if row.expires_at else "",
        row.user_agent,
        row.contact,
        _failure(row, language) if row.failed_at else "",
    ]


@lru_cache(64)
def _state(health: str, node: str, language: Language) -> Cell:
    state = texts.HEALTH[health].say(language, node=node)
    return RichText(printable(state), style=_COLOUR[health]) if health in _COLOUR else state


def _failure(row: PhoneRow, language: Language) -> str:
    values = {"why": WHY[row.failure].say(language), "times": row.failures, "at": _clock(row.failed_at)}
    if row.health == "refused" or row.address.startswith(row.failed_from):
        return texts.FAILED.say(language, **values)
    return texts.FAILED_FROM.say(language, source=row.failed_from, **values)


def _change(told: News, language: Language) -> str:
    match told:
        case Refusal():
            return printable(f"{_clock(told.refused.last)}  {refused(told.refused).say(language)}")
        case Missed():
            return texts.MISSED.say(language, count=told.missed)
        case RegistrationChange():
            text = texts.CHANGES[told.change].say(language, user=told.user, contact=told.contact)
            seconds = max(0.0, told.expires_at - told.at)
            where = f"{told.transport} {told.address}"
            agent = f"  {told.user_agent}" if told.user_agent else ""
            until = f"  {seconds:.0f} s" if told.change in texts.WITH_TIME else ""
            return printable(f"{_clock(told.at)}  {text}  {where}{until}{agent}")


def _clock(at: float) -> str:
    return _clock_of(int(at)) if at else ""


@lru_cache(4096)
def _clock_of(second: int) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(second))
