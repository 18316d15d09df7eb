"""What `talkpath phones` shows: who is registered, from where, and whether the phone is still there."""

import sys
import time
from collections.abc import Iterable

import msgspec
from rich.text import Text as RichText

from talkpath.app import phones_words as texts
from talkpath.app.phone_rows import PhoneRow
from talkpath.app.phrase import Trouble, phrase
from talkpath.app.rows import Cell, print_json, print_rows
from talkpath.base.texts import Language

_COLOUR = {"gone": "red", "closed": "red", "lost": "red", "answers": "green", "open": "green", "elsewhere": "green"}


def print_phones(rows: Iterable[PhoneRow] | None, user: str, language: Language, *, as_json: bool) -> None:
    """Print the registrations, all or those of one user. Raises `Trouble` without an edge."""
    if rows is None:
        raise Trouble("no-edge", phrase(texts.NO_EDGE))
    wanted = [row for row in rows if not user or row.user == user]
    if as_json:
        print_json([msgspec.to_builtins(row) for row in wanted])
    elif not wanted:
        print(texts.NOBODY.say(language), file=sys.stderr)
    else:
        print_rows(texts.HEADS, [_cells(row, language) for row in wanted], language)


def _cells(row: PhoneRow, language: Language) -> list[Cell]:
    now = time.time()
    nat = texts.NAT.say(language) if row.is_behind_nat else ""
    latency = f"{row.rtt_s * 1000:.1f} ms" if row.rtt_s else ""
    answered = f"{max(0.0, now - row.answered_at):.0f} s" if row.answered_at else ""
    return [
        row.user,
        f"{row.transport} {row.address}",
        nat,
        RichText(texts.HEALTH[row.health].say(language, node=row.node), style=_COLOUR.get(row.health, "yellow")),
        latency,
        answered,
        f"{max(0.0, row.expires_at - now):.0f} s",
        row.user_agent,
        row.contact,
    ]
