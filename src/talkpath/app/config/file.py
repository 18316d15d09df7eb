"""Reads a TOML file into the configuration tree, and says where and how it is wrong.

All mistakes of a file are found in one reading. A tree is given only when there is none.
"""

import re
import tomllib
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any, cast

import msgspec
from msgspec import inspect

from talkpath.app.config import words
from talkpath.app.config.checks import (
    TEXT_CHECKS,
    Disagreement,
    disagreements,
    lacking_here,
    unfit_certificate,
    unfit_others,
)
from talkpath.app.config.mistakes import BadConfig, Mistake
from talkpath.app.config.near import nearest
from talkpath.app.config.places import Path as KeyPath
from talkpath.app.config.places import Place, places
from talkpath.app.config.tree import Config
from talkpath.app.console.phrase import Phrase, phrase
from talkpath.base.redact import Secret

# Stands for a value that was refused; its mistake is already noted.
_REFUSED: Any = object()
_OfThisHost = Callable[[Config], Iterator[Disagreement]]


def read(file: Path, *, is_to_run: bool = True, is_strict: bool = True) -> Config:
    """The configuration in a file. Raises `BadConfig` with every mistake that was found; what this host lacks is one
    where an edge is to run with it here, and an unfit certificate of its listeners where somebody is there to mend it
    (`is_strict`): an edge that starts does without these listeners."""
    try:
        text = file.read_bytes().decode("utf-8")
    except UnicodeDecodeError:
        raise BadConfig([Mistake(str(file), None, phrase(words.NOT_UTF8))]) from None
    except OSError as error:
        what = phrase(words.FILE_UNREADABLE, reason=error.strerror)
        raise BadConfig([Mistake(str(file), None, what)]) from None
    return read_text(text, file, is_to_run=is_to_run, is_strict=is_strict)


def read_text(text: str, file: Path, *, is_to_run: bool = True, is_strict: bool = True) -> Config:
    """The same for a text, as if it stood in `file`."""
    of_this_host: list[_OfThisHost] = [lacking_here] if is_to_run else []
    if is_to_run and is_strict:
        of_this_host += [unfit_certificate, unfit_others]
    return _Reading(file, text.replace("\r\n", "\n"), of_this_host).config()


class _Reading:
    """One pass over one file."""

    def __init__(self, file: Path, text: str, of_this_host: list[_OfThisHost]) -> None:
        self._file = file
        self._text = text
        self._of_this_host = of_this_host
        #: looked for only where there is something to point at
        self._places: dict[KeyPath, Place] | None = None
        self._mistakes: list[Mistake] = []

    def config(self) -> Config:
        raw = self._toml()
        config = self._table(_type_of(Config), raw, ())
        if not self._mistakes:
            for path, what in disagreements(config, lambda path: self._place(path).line):
                self._note(path, what)
            for mistakes in self._of_this_host:
                for path, what in mistakes(config):
                    self._note(path, what)
        if self._mistakes:
            raise BadConfig(sorted(self._mistakes, key=lambda mistake: mistake.place or Place(0, 0)))
        return cast(Config, config)

    def _toml(self) -> dict[str, Any]:
        try:
            return tomllib.loads(self._text)
        except tomllib.TOMLDecodeError as error:
            reason, place = _toml_reason(str(error), self._text)
            raise BadConfig([Mistake(str(self._file), place, phrase(words.NOT_TOML, reason=reason))]) from None

    def _note(self, path: KeyPath, what: Phrase) -> None:
        self._mistakes.append(Mistake(str(self._file), self._place(path), what))

    def _place(self, path: KeyPath) -> Place:
        """The place of a path, or of the nearest table around it that the file has."""
        known = self._places
        if known is None:
            known = self._places = places(self._text)
        while path and path not in known:
            path = path[:-1]
        return known.get(path, Place(1, 1))

    def _table(self, kind: inspect.StructType, raw: dict[str, Any], path: KeyPath) -> Any:
        fields = {field.name: field for field in kind.fields}
        for key in raw:
            if key not in fields:
                self._note((*path, key), _unknown_key(key, list(fields), path))
        values = {}
        for name, field in fields.items():
            if name in raw:
                values[name] = self._value(field.type, raw[name], (*path, name))
            elif field.required:
                self._note(path, phrase(words.MISSING_KEY, table=_name(path), key=name))
                values[name] = _REFUSED
        return _REFUSED if _REFUSED in values.values() else kind.cls(**values)

    def _value(self, kind: inspect.Type, raw: Any, path: KeyPath, of: str | None = None) -> Any:
        match kind:
            case inspect.Metadata(type=inner, extra=extra):
                return self._value(inner, raw, path, (extra or {}).get("of") or of)
            case inspect.UnionType(types=types):
                inner = next(one for one in types if not isinstance(one, inspect.NoneType))
                return self._value(inner, raw, path, of)
            case inspect.StructType() if isinstance(raw, dict):
                return self._table(kind, raw, path)
            case inspect.VarTupleType(item_type=item) if isinstance(raw, list):
                items = tuple(self._value(item, one, (*path, index), of) for index, one in enumerate(raw))
                return _REFUSED if _REFUSED in items else items
            case inspect.DictType(value_type=item) if isinstance(raw, dict):
                pairs = {key: self._value(item, one, (*path, key), of) for key, one in raw.items()}
                return _REFUSED if _REFUSED in pairs.values() else pairs
            case _:
                return self._leaf(kind, raw, path, of)

    def _leaf(self, kind: inspect.Type, raw: Any, path: KeyPath, of: str | None) -> Any:
        value = _converted(kind, raw)
        if value is _REFUSED:
            self._note(path, _wrong_value(kind, raw, path))
        elif of == "file" and value:
            value = str(self._file.parent / value)
        elif of in TEXT_CHECKS and value and (what := TEXT_CHECKS[of](value)):
            self._note(path, what)
            return _REFUSED
        return value


def _converted(kind: inspect.Type, raw: Any) -> Any:
    """The value as the tree holds it, or `_REFUSED`."""
    match kind:
        case inspect.BoolType():
            return raw if isinstance(raw, bool) else _REFUSED
        case inspect.IntType(ge=least, le=most):
            fits = isinstance(raw, int) and not isinstance(raw, bool) and _within(raw, least, most)
            return raw if fits else _REFUSED
        case inspect.FloatType(ge=least, le=most):
            fits = isinstance(raw, int | float) and not isinstance(raw, bool) and _within(raw, least, most)
            return float(raw) if fits else _REFUSED
        case inspect.StrType():
            return raw if isinstance(raw, str) else _REFUSED
        case inspect.DataclassType(cls=cls) if cls is Secret:
            return Secret(raw) if isinstance(raw, str) else _REFUSED
        case inspect.EnumType(cls=cls):
            return cls(raw) if raw in _choices(kind) else _REFUSED
        case inspect.LiteralType():
            return raw if raw in _choices(kind) else _REFUSED
    return _REFUSED


def _within(value: float, least: float | None, most: float | None) -> bool:
    return (least is None or value >= least) and (most is None or value <= most)


def _choices(kind: inspect.Type) -> list[str]:
    if isinstance(kind, inspect.EnumType):
        return [str(one.value) for one in kind.cls]
    return [str(one) for one in kind.values] if isinstance(kind, inspect.LiteralType) else []


def _wrong_value(kind: inspect.Type, raw: Any, path: KeyPath) -> Phrase:
    values = {"key": _key(path), "expected": _expected(kind, path), "found": _shown(kind, raw)}
    near = nearest(raw, _choices(kind)) if isinstance(raw, str) else None
    return Phrase(words.WRONG_VALUE_NEAR, values | {"near": near}) if near else Phrase(words.WRONG_VALUE, values)


def _expected(kind: inspect.Type, path: KeyPath) -> Phrase:
    match kind:
        case inspect.BoolType():
            return phrase(words.YES_OR_NO)
        case inspect.IntType(ge=least, le=most):
            return phrase(words.A_WHOLE_NUMBER, least=least, most=most)
        case inspect.FloatType(ge=least, le=most):
            return phrase(words.A_NUMBER, least=least, most=most)
        case inspect.EnumType() | inspect.LiteralType():
            return phrase(words.ONE_OF, choices=", ".join(f'"{choice}"' for choice in _choices(kind)))
        case inspect.StructType() | inspect.DictType():
            return phrase(words.A_TABLE)
        case inspect.VarTupleType(item_type=inspect.StructType()):
            return phrase(words.A_LIST_OF_TABLES, key=_name(path))
        case inspect.VarTupleType():
            return phrase(words.A_LIST)
    return phrase(words.A_TEXT)


def _unknown_key(key: str, known: list[str], path: KeyPath) -> Phrase:
    where = phrase(words.IN_TABLE, table=_header(path)) if path else phrase(words.AT_TOP)
    if near := nearest(key, known):
        return phrase(words.UNKNOWN_KEY_NEAR, key=key, where=where, near=near)
    elsewhere = {name: table for table, name in _tables_and_keys() if table != _name(path)}
    if near := nearest(key, list(elsewhere), cutoff=0.8):
        return phrase(words.UNKNOWN_KEY_ELSEWHERE, key=key, where=where, near=near, table=elsewhere[near])
    return phrase(words.UNKNOWN_KEY, key=key, where=where, known=", ".join(known))


@cache
def _type_of(kind: type) -> inspect.StructType:
    return cast(inspect.StructType, inspect.type_info(kind))


def _tables_and_keys() -> Iterator[tuple[str, str]]:
    """Every key below a table of the top level, with the name of its table."""
    for section in _type_of(Config).fields:
        kind = section.type
        while isinstance(kind, inspect.Metadata | inspect.VarTupleType):
            kind = kind.item_type if isinstance(kind, inspect.VarTupleType) else kind.type
        if isinstance(kind, inspect.StructType):
            yield from ((section.name, field.name) for field in kind.fields)


def _name(path: KeyPath) -> str:
    return ".".join(str(part) for part in path if isinstance(part, str))


def _header(path: KeyPath) -> str:
    """How the file writes the header of a table: items of a list stand in double brackets."""
    return f"[[{_name(path)}]]" if isinstance(path[-1], int) else f"[{_name(path)}]"


def _key(path: KeyPath) -> str:
    """The last key of a path: for an item of a list, the list's."""
    return next((str(part) for part in reversed(path) if isinstance(part, str)), "")


def _shown(kind: inspect.Type, raw: Any) -> str:
    """A value as TOML writes it, cut short, and hidden where a secret belongs."""
    if isinstance(kind, inspect.DataclassType):
        return "***"
    if isinstance(raw, dict | list):
        return "{...}" if isinstance(raw, dict) else "[...]"
    # JSON has no word for inf and nan, which TOML writes as Python does.
    shown = msgspec.json.encode(raw).decode() if isinstance(raw, str | bool | int) else str(raw)
    return shown if len(shown) <= 60 else shown[:57] + "..."


def _toml_reason(said: str, text: str) -> tuple[str, Place]:
    """The reader's reason and place out of `reason (at line 3, column 5)`."""
    if found := re.fullmatch(r"(.*) \(at line (\d+), column (\d+)\)", said, re.DOTALL):
        return found[1], Place(int(found[2]), int(found[3]))
    lines = text.rstrip("\n").split("\n")
    return said.removesuffix(" (at end of document)"), Place(len(lines), len(lines[-1]) + 1)
