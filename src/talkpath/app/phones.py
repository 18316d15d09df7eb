"""What `talkpath phones` shows: who is registered, from where, and whether the phone is still there."""

import sys
import time
from collections.abc import Iterable

import msgspec
from rich.console import Console
from rich.table import Table
from rich.text import Text as RichText

from talkpath.app import phones_words as texts
from talkpath.app.phone_rows import PhoneRow
from talkpath.app.phrase import Trouble, phrase
from talkpath.base.readable import json_bytes, printable
from talkpath.base.texts import Language

_COLOUR = {"gone": "red", "closed": "red", "answers": "green", "open": "green"}


def print_phones(rows: Iterable[PhoneRow] | None, user: str, language: Language, *, as_json: bool) -> None:
    """Print the registrations, all or those of one user. Raises `Trouble` without an edge."""
    if rows is None:
        raise Trouble("no-edge", phrase(texts.NO_EDGE))
    wanted = [row for row in rows if not user or row.user == user]
    if as_json:
        sys.stdout.buffer.write(msgspec.json.format(json_bytes([msgspec.to_builtins(row) for row in wanted])) + b"\n")
    elif not wanted:
        print(texts.NOBODY.say(language), file=sys.stderr)
    elif sys.stdout.isatty():
        Console().print(_table(wanted, language))
    else:
        for row in wanted:
            print("\t".join(_cells(row, language)))


def _table(rows: list[PhoneRow], language: Language) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for head in texts.HEADS:
        table.add_column(head.say(language), overflow="fold")
    for row in rows:
        cells = [RichText(cell) for cell in _cells(row, language)]
        cells[3].stylize(_COLOUR.get(row.health, "yellow"))
        table.add_row(*cells)
    return table


def _cells(row: PhoneRow, language: Language) -> list[str]:
    now = time.time()
    nat = texts.NAT.say(language) if row.is_behind_nat else ""
    latency = f"{row.rtt_s * 1000:.1f} ms" if row.rtt_s else ""
    answered = f"{max(0.0, now - row.answered_at):.0f} s" if row.answered_at else ""
    cells = [
        row.user,
        f"{row.transport} {row.address}",
        nat,
        texts.HEALTH[row.health].say(language),
        latency,
        answered,
        f"{max(0.0, row.expires_at - now):.0f} s",
        row.user_agent,
        row.contact,
    ]
    return [printable(cell) for cell in cells]
