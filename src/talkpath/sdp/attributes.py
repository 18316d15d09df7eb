"""The `a=` lines of one section as a collection that edits the lines themselves."""

from collections.abc import Iterator
from typing import NamedTuple

from talkpath.base.errors import Misuse


class Attribute(NamedTuple):
    """One `a=` line: `value` is the text after the colon, None for a property attribute (`a=rtcp-mux`)."""

    name: str
    value: str | None


class Attributes:
    """All `a=` lines of a section, in order. Names are case-sensitive (RFC 8866 section 6)."""

    __slots__ = ("_lines",)

    def __init__(self, lines: list[str]) -> None:
        self._lines = lines

    def first(self, name: str) -> str | None:
        """The value of the first attribute of that name, "" for a property attribute, None when absent."""
        flag = "a=" + name
        prefix = flag + ":"
        for line in self._lines:
            if line.startswith(flag):
                if line.startswith(prefix):
                    return line[len(prefix) :].strip()
                if line.rstrip() == flag:
                    return ""
        return None

    def all(self, name: str) -> list[str]:
        """The values of every attribute of that name."""
        prefix = f"a={name}:"
        return [line[len(prefix) :].strip() for line in self._lines if line.startswith(prefix)]

    def __contains__(self, name: str) -> bool:
        return self.first(name) is not None

    def __iter__(self) -> Iterator[Attribute]:
        for line in self._lines:
            if line.startswith("a="):
                name, colon, value = line[2:].partition(":")
                yield Attribute(name.strip(), value.strip() if colon else None)

    def add(self, name: str, value: str | None = None) -> None:
        """Append one attribute to the section."""
        self._lines.insert(end_of_section(self._lines), attribute_line(name, value))

    def set(self, name: str, value: str | None = None) -> None:
        """Replace the first attribute of that name where it stands, drop its repeats; append it if there is none."""
        self.set_all(name, [value])

    def set_all(self, name: str, values: list[str | None]) -> None:
        """Write these values where the first attribute of that name stands, instead of all of that name."""
        at = next((i for i, line in enumerate(self._lines) if is_attribute(line, name)), None)
        self.drop(name)
        if at is None:
            at = end_of_section(self._lines)
        self._lines[at:at] = [attribute_line(name, value) for value in values]

    def drop(self, *names: str) -> int:
        """Remove every attribute of these names. Gives how many lines went."""
        kept = [line for line in self._lines if _name_of(line) not in names]
        gone = len(self._lines) - len(kept)
        if gone:
            self._lines[:] = kept
        return gone


def is_attribute(line: str, name: str) -> bool:
    """Whether `line` is `a=name` or `a=name:...`."""
    end = len(name) + 2
    return line.startswith("a=" + name) and (line[end : end + 1] == ":" or not line[end:].strip())


def _name_of(line: str) -> str:
    """The name for which `is_attribute` is true; empty for another kind of line."""
    if not line.startswith("a="):
        return ""
    name, colon, _ = line[2:].partition(":")
    return name if colon else name.rstrip()


def attribute_line(name: str, value: str | None) -> str:
    return clean(f"a={name}" if value is None else f"a={name}:{value}")


def clean(line: str) -> str:
    """`line`, which must be one line: a line break in a value would write lines nobody asked for."""
    if "\n" in line or "\r" in line:
        raise Misuse("sdp-line-break", "a value of a description holds a line break; take it out", line[:20])
    return line


def end_of_section(lines: list[str]) -> int:
    """Where a new line goes: after the last line that is not blank."""
    end = len(lines)
    while end and not lines[end - 1].strip():
        end -= 1
    return end
