"""Drawn lines on standard output: coloured on a terminal, plain text for a pipe."""

import sys
from collections.abc import Iterable

from talkpath.base.readable import printable
from talkpath.calls.drawing import Line, Style

_COLOURS = {
    Style.TITLE: "bold",
    Style.PLAIN: "",
    Style.REQUEST: "cyan",
    Style.GOOD: "green",
    Style.BAD: "red",
    Style.NOTE: "yellow",
    Style.DETAIL: "dim",
}


def print_lines(lines: Iterable[Line]) -> None:
    """Colour only on a terminal; a pipe gets the text. Nothing in a line commands either."""
    if not sys.stdout.isatty():
        sys.stdout.flush()
        sys.stdout.buffer.write(
            "".join(f"{printable(line.text)}\n" for line in lines).encode(sys.stdout.encoding, "replace")
        )
        return
    from rich.console import Console
    from rich.text import Text as RichText

    console = Console(highlight=False, soft_wrap=True)
    for line in lines:
        console.print(RichText(printable(line.text), style=_COLOURS[line.style]))
