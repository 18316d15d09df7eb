"""Where in a TOML file each key stands, so that a mistake can be pointed at.

The standard library reads TOML but forgets the places. This scanner only finds places: it is given text that
`tomllib` has already accepted, so it skips values without judging them.
"""

import re
import tomllib
from bisect import bisect_right
from collections.abc import Iterator
from typing import NamedTuple

# Keys and list indexes that lead to a value: `("listeners", 0, "port")`.
Path = tuple[str | int, ...]


class Place(NamedTuple):
    """Line and column in a file, both counted from 1."""

    line: int
    column: int


def places(text: str) -> dict[Path, Place]:
    """The place of every table header, key and list item of a valid TOML document."""
    return _Scanner(text).scan()


_BLANK = re.compile(r"(?:\s+|#[^\n]*)*")
_KEY_PART = re.compile(r'[A-Za-z0-9_-]+|"(?:\\.|[^"\\])*"|\'[^\']*\'')
_DOT = re.compile(r"[ \t]*\.[ \t]*")
_STRING = re.compile(
    r'"""(?:\\.|[^\\])*?"""(?!")|'
    r"'''.*?'''(?!')|"
    r'"(?:\\.|[^"\\\n])*"|'
    r"'[^'\n]*'",
    re.DOTALL,
)
_SCALAR = re.compile(r"[^,\]}#\n]+")


class _Scanner:
    def __init__(self, text: str) -> None:
        self._text = text
        self._line_starts = [0, *(found.end() for found in re.finditer("\n", text))]
        self._at = 0
        self._found: dict[Path, Place] = {}
        self._last_item: dict[Path, int] = {}

    def scan(self) -> dict[Path, Place]:
        table: Path = ()
        while self._skip_blank():
            if self._text[self._at] == "[":
                table = self._header()
            else:
                self._pair(table)
        return self._found

    def _skip_blank(self) -> bool:
        """Step over white space, line ends and comments; whether anything is left."""
        blank = _BLANK.match(self._text, self._at)
        self._at = blank.end() if blank else self._at
        return self._at < len(self._text)

    def _header(self) -> Path:
        start = self._at
        is_list = self._text.startswith("[[", start)
        self._at += 2 if is_list else 1
        self._skip_blank()
        keys = self._keys()
        path = (*self._resolve(keys[:-1]), keys[-1])
        if is_list:
            self._last_item[path] = self._last_item.get(path, -1) + 1
            self._found.setdefault(path, self._place(start))
        path = self._resolve(keys)
        self._found[path] = self._place(start)
        self._at = self._text.index("]", self._at) + (2 if is_list else 1)
        return path

    def _resolve(self, keys: list[str]) -> Path:
        """A header's keys as a path: in a list of tables they mean its last item."""
        path: Path = ()
        for key in keys:
            path += (key,)
            if path in self._last_item:
                path += (self._last_item[path],)
        return path

    def _keys(self) -> list[str]:
        keys = []
        while part := _KEY_PART.match(self._text, self._at):
            raw = part.group()
            keys.append(tomllib.loads(f"key = {raw}")["key"] if raw[0] in "\"'" else raw)
            dot = _DOT.match(self._text, part.end())
            self._at = dot.end() if dot else part.end()
            if not dot:
                break
        return keys

    def _pair(self, table: Path) -> None:
        start = self._at
        path = table
        for key in self._keys():
            path += (key,)
            self._found.setdefault(path, self._place(start))
        self._at = self._text.index("=", self._at) + 1
        self._skip_blank()
        self._value(path)

    def _value(self, path: Path) -> None:
        match self._text[self._at]:
            case "[":
                self._list(path)
            case "{":
                self._inline_table(path)
            case _:
                found = _STRING.match(self._text, self._at) or _SCALAR.match(self._text, self._at)
                self._at = found.end() if found else self._at + 1

    def _list(self, path: Path) -> None:
        for index, start in enumerate(self._items("]")):
            self._found[(*path, index)] = self._place(start)
            self._value((*path, index))

    def _inline_table(self, path: Path) -> None:
        for _ in self._items("}"):
            self._pair(path)

    def _items(self, end: str) -> Iterator[int]:
        """Where each item of the list or inline table begins; whoever iterates steps over the item."""
        self._at += 1
        while self._skip_blank() and self._text[self._at] != end:
            if self._text[self._at] == ",":
                self._at += 1
            else:
                yield self._at
        self._at += 1

    def _place(self, at: int) -> Place:
        line = bisect_right(self._line_starts, at)
        return Place(line, at - self._line_starts[line - 1] + 1)
