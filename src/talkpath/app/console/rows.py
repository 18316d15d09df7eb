"""Rows on standard output: a table on a terminal, their fields apart by tabs for awk and cut elsewhere; and JSON."""

import sys
import time
from collections.abc import Callable, Iterable, Sequence

import msgspec.json
from rich.console import Console
from rich.table import Table
from rich.text import Text as RichText

from talkpath.base.readable import json_bytes, printable
from talkpath.base.texts import Language, Text

# Coloured, or a text that a stranger may have written: brackets in it are no markup.
Cell = RichText | str


def print_rows(
    heads: Sequence[Text], rows: Iterable[Sequence[Cell]], language: Language, right: Sequence[Text] = ()
) -> None:
    """Print rows with a cell a head. What stands under the heads `right` (numbers) is flush right on a terminal."""
    if not sys.stdout.isatty():
        for row in rows:
            print_line(tabbed(row).encode())
        return
    Console().print(_table(heads, rows, language, right))


def redrawn(
    heads: Sequence[Text],
    rows: Callable[[], Iterable[Sequence[Cell]]],
    language: Language,
    right: Sequence[Text],
    pause_s: float,
) -> None:
    """Show what `print_rows` prints, drawn anew after every pause, until interrupted."""
    from rich.live import Live

    with Live(_table(heads, rows(), language, right), auto_refresh=False, screen=True) as shown:
        while True:
            time.sleep(pause_s)
            shown.update(_table(heads, rows(), language, right), refresh=True)


def _table(heads: Sequence[Text], rows: Iterable[Sequence[Cell]], language: Language, right: Sequence[Text]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for head in heads:
        table.add_column(head.say(language), justify="right" if head in right else "left", overflow="fold")
    for row in rows:
        table.add_row(*(cell if isinstance(cell, RichText) else RichText(plain(cell)) for cell in row))
    return table


def tabbed(row: Iterable[Cell]) -> str:
    """A row as a line whose fields are apart by tabs."""
    cells = [str(cell) for cell in row]
    # Nearly all are plain, which one look tells.
    return "\t".join(cells if "".join(cells).isprintable() else map(printable, cells))


def plain(cell: Cell) -> str:
    """The text of a cell; nothing in it commands a terminal or makes lines."""
    return printable(str(cell))


def widths_of(rows: Iterable[Sequence[Cell]]) -> list[int]:
    """How wide each column of these rows is, as text."""
    columns = zip(*rows, strict=True)
    return [max(len(plain(cell)) for cell in column) for column in columns]


def print_json(value: object) -> None:
    """Print what msgspec encodes, indented for people."""
    print_line(msgspec.json.format(json_bytes(value)))


def print_lines_of(lines: Iterable[bytes]) -> None:
    """Lines of data, of which there may be any number: they are written as they come, and not kept."""
    write = sys.stdout.buffer.write
    for line in lines:
        write(line + b"\n")
    sys.stdout.buffer.flush()


def print_json_rows(rows: Iterable[object]) -> None:
    """Print what `print_json` prints of a list, one at a time: nobody holds all of it."""
    out = sys.stdout.buffer
    end = b"[]\n"
    before = b"[\n  "
    for row in rows:
        out.write(before + msgspec.json.format(json_bytes(row)).replace(b"\n", b"\n  "))
        before, end = b",\n  ", b"\n]\n"
    out.write(end)
    out.flush()


def print_line(line: bytes) -> None:
    """One line of data, at once: followers are piped into other programs."""
    sys.stdout.buffer.write(line + b"\n")
    sys.stdout.buffer.flush()
