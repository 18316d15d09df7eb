"""Registrations past a restart: who can be reached where, as the registrar last said.

The registrar answers from its own memory; this keeps a copy. A row is the binding as JSON, found by its user and the
identity of its phone.
"""

import json
import sqlite3
from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Generic, Protocol, TypeVar

import msgspec

from talkpath.base.address import Flow
from talkpath.base.readable import readable
from talkpath.store.mishaps import named
from talkpath.store.writer import Writer, connect

_PUT = "INSERT OR REPLACE INTO bindings (user, identity, expires_at, binding) VALUES (?, ?, ?, ?)"
# Refreshed bindings written in a second. To write them down takes some ten microseconds each of an interpreter that
# calls need too, so those of a hundred thousand phones that come back at once are written over twenty seconds.
_REFRESHED_AT_ONCE = 5_000
_DROP = "DELETE FROM bindings WHERE user = ? AND identity = ?"


class Kept(Protocol):
    """What the store reads of a binding; the rest it keeps as it is."""

    @property
    def user(self) -> str: ...
    @property
    def identity(self) -> tuple[str, str]: ...
    @property
    def flow(self) -> Flow: ...
    @property
    def expires_at(self) -> float: ...


AnyBinding = TypeVar("AnyBinding", bound=Kept)


class Bindings(Generic[AnyBinding]):
    """Keeps bindings of one dataclass."""

    def __init__(self, path: Path, writer: Writer, kind: type[AnyBinding]) -> None:
        self._path = path
        self._writer = writer
        self._kind = kind
        self._decoder = msgspec.json.Decoder(kind)
        self._refreshed: dict[tuple[str, tuple[str, str]], AnyBinding] = {}

    def save_binding(self, binding: AnyBinding) -> None:
        """Keep a new or renewed binding, in place of the one of the same phone. Returns at once."""
        self._refreshed.pop((binding.user, binding.identity), None)
        self._writer.write(lambda database: _run(database, _PUT, _row(binding)))

    def refresh_binding(self, binding: AnyBinding) -> None:
        """Keep a binding of which only the times are new, with the next `keep_refreshed`. Returns at once."""
        self._refreshed[binding.user, binding.identity] = binding

    def keep_refreshed(self, *, whole: bool = False) -> None:
        """Write what was refreshed since the last time, the oldest first, `whole` or so much of it as a second bears;
        to be called every second. Returns at once.

        A phone that refreshes often is written once. `kill -9` costs a second of refreshes, some more where very many
        came together, and no phone: a binding is kept, and good until it would have expired without them.
        """
        if self._refreshed:
            taken = [
                self._refreshed.pop(key)
                for key in list(islice(self._refreshed, None if whole else _REFRESHED_AT_ONCE))
            ]
            self._writer.write(lambda database: _run_many(database, _PUT, self._rows(taken)))

    def _rows(self, bindings: Iterable[AnyBinding]) -> Iterator[tuple[object, ...]]:
        """What is written of them; one that cannot be written costs the others nothing."""
        for binding in bindings:
            try:
                row = _row(binding)
            except Exception:  # noqa: BLE001 - whatever a phone made of its binding
                self._writer.left_out()
            else:
                yield row

    def drop_binding(self, binding: AnyBinding) -> None:
        """Forget it. Returns at once."""
        self._refreshed.pop((binding.user, binding.identity), None)
        self._writer.write(lambda database: _run(database, _DROP, (binding.user, _key(binding))))

    def forget_binding(self, binding: AnyBinding) -> None:
        """The same. Returns at once."""
        self.drop_binding(binding)

    def load(self, now: float) -> list[AnyBinding]:
        """The bindings that are still good, and forget the others. Rows in another talkpath's form are left out.

        A connection does not outlive its process, so a flow over one comes back with a number that no connection
        ever has: the phone is found again when it reconnects, and nobody else is taken for it.
        """
        self._writer.write(lambda database: _run(database, "DELETE FROM bindings WHERE expires_at <= ?", (now,)))
        database = connect(self._path, read_only=True)
        try:
            with named(self._path):
                rows = database.execute("SELECT binding FROM bindings WHERE expires_at > ?", (now,)).fetchall()
        finally:
            database.close()
        return list(self._decoded(rows))

    def _decoded(self, rows: list[tuple[bytes]]) -> Iterator[AnyBinding]:
        for (row,) in rows:
            try:
                binding = self._read(row)
            except (msgspec.MsgspecError, ValueError):
                continue
            flow = binding.flow
            if flow.transport.is_reliable:
                binding = replace(binding, flow=flow._replace(connection=-1))  # type: ignore[type-var]
            yield binding

    def _read(self, row: bytes) -> AnyBinding:
        try:
            return self._decoder.decode(row)
        except msgspec.MsgspecError:
            # Lone surrogates (see `_row`) are more than msgspec takes.
            return msgspec.convert(json.loads(row), self._kind)


def _key(binding: Kept) -> str:
    return json.dumps(binding.identity)


def _row(binding: Kept) -> tuple[object, ...]:
    return readable(binding.user), _key(binding), binding.expires_at, _written(binding)


def _written(binding: Kept) -> bytes:
    """JSON. A Contact must come back as it was, so bytes that are no UTF-8 are kept as escaped lone surrogates."""
    try:
        return msgspec.json.encode(binding)
    except UnicodeEncodeError:
        return json.dumps(msgspec.to_builtins(binding)).encode()


def _run_many(database: sqlite3.Connection, statement: str, rows: Iterator[tuple[object, ...]]) -> None:
    database.executemany(statement, rows)


def _run(database: sqlite3.Connection, statement: str, values: tuple[object, ...]) -> None:
    database.execute(statement, values)
