"""How the command line asks the running edge: a Unix socket in the state directory, one request a connection.

A request is one line of JSON; the answer is lines of JSON until the edge closes (`follow` never does). Rows are
`Summary`s; a whole call travels in the form in which the history keeps it (`store/blob.py`), so that one reader
serves both. Only the owner of the state directory can connect.
"""

import asyncio
import logging
import os
import socket
from base64 import b64decode
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import suppress
from enum import StrEnum
from pathlib import Path

import msgspec

from talkpath.app.phone_rows import PhoneRow
from talkpath.base import limits
from talkpath.base.readable import json_bytes, readable
from talkpath.calls.build import summary_of
from talkpath.calls.ids import id_of
from talkpath.calls.ledger import Ledger
from talkpath.calls.model import Summary
from talkpath.calls.trace import Trace
from talkpath.store.blob import packed, unpacked
from talkpath.store.history import Wanted, fits

SOCKET = "control.sock"
# How often a follower is told what changed.
_FOLLOW_S = 0.25
# Rows made between two breaths of the event loop: about a millisecond.
_ROWS_AT_ONCE = 40
# A request is short; a line longer than this is no request of ours.
_REQUEST_BYTES = 4096

_log = logging.getLogger("talkpath.control")


class Ask(StrEnum):
    """What can be asked."""

    LIST = "list"
    NAMED = "named"
    TRACES = "traces"
    FOLLOW = "follow"
    PHONES = "phones"


class Request(msgspec.Struct, frozen=True):
    """One line from the command line. `name` is an id, the beginning of one, or a Call-ID."""

    ask: Ask
    name: str = ""
    wanted: Wanted = Wanted()


class ControlServer:
    """Answers for the running edge."""

    def __init__(self, ledger: Ledger, state: Path, phones: Callable[[], Iterable[PhoneRow]] = tuple) -> None:
        self._ledger = ledger
        self._phones = phones
        self._path = state / SOCKET
        self._server: asyncio.Server | None = None
        self._asking: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Begin to answer. An edge that cannot be asked is still an edge: failure is logged, not raised."""
        with suppress(FileNotFoundError):
            self._path.unlink()
        before = os.umask(0o177)
        try:
            self._server = await asyncio.start_unix_server(self._serve, self._path, limit=_REQUEST_BYTES)
        except OSError as error:
            _log.warning("%s: cannot be made, so `talkpath calls` shows no running calls (%s)", self._path, error)
        finally:
            os.umask(before)

    async def stop(self) -> None:
        """Stop to answer, followers included."""
        if self._server is None:
            return
        self._server.close()
        for task in list(self._asking):
            task.cancel()
        await asyncio.gather(*self._asking, return_exceptions=True)
        with suppress(FileNotFoundError):
            self._path.unlink()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        if len(self._asking) >= limits.CONTROL_ASKING:
            writer.close()
            return
        self._asking.add(task)
        try:
            request = msgspec.json.decode(await reader.readline(), type=Request)
            async for line in self._answer(request):
                writer.write(line + b"\n")
                await writer.drain()
        except (msgspec.MsgspecError, ValueError, ConnectionError, asyncio.CancelledError):
            pass  # whoever asked is gone, or asked nothing we know: the connection just closes
        finally:
            self._asking.discard(task)
            writer.close()

    async def _answer(self, request: Request) -> AsyncIterator[bytes]:
        match request.ask:
            case Ask.LIST:
                async for _, row in self._wanted(request.wanted):
                    yield msgspec.json.encode(row)
            case Ask.NAMED:
                for trace in self._named(request.name):
                    yield msgspec.json.encode(packed([trace]))
            case Ask.TRACES:
                async for trace, _ in self._wanted(request.wanted):
                    yield msgspec.json.encode(packed([trace]))
            case Ask.PHONES:
                for number, phone in enumerate(self._phones()):
                    if number % _ROWS_AT_ONCE == _ROWS_AT_ONCE - 1:
                        await asyncio.sleep(0)
                    yield json_bytes(msgspec.to_builtins(phone))
            case Ask.FOLLOW:
                async for row in self._changes(request.wanted):
                    yield msgspec.json.encode(row)

    async def _wanted(self, wanted: Wanted) -> AsyncIterator[tuple[Trace, Summary]]:
        """The running calls asked for, the latest first."""
        found = 0
        for number, trace in enumerate(reversed(list(self._ledger.running()))):
            if number % _ROWS_AT_ONCE == _ROWS_AT_ONCE - 1:
                await asyncio.sleep(0)
            row = summary_of(trace)
            if fits(row, wanted):
                yield trace, row
                found += 1
            if found == wanted.limit:
                return

    async def _changes(self, wanted: Wanted) -> AsyncIterator[Summary]:
        """A row for every call that began, was answered or ended, from now on."""
        known = {trace.number: _state(summary_of(trace)) for trace in self._ledger.running()}
        read = {trace.number: len(trace.live) for trace in self._ledger.running()}
        while True:
            await asyncio.sleep(_FOLLOW_S)
            running = list(self._ledger.running())
            for trace in running:
                if read.get(trace.number) == len(trace.live) and trace.ended_at is None:
                    continue
                read[trace.number] = len(trace.live)
                row = summary_of(trace)
                if known.get(trace.number) != _state(row):
                    known[trace.number] = _state(row)
                    if fits(row, wanted):
                        yield row
            alive = {trace.number for trace in running}
            known = {number: state for number, state in known.items() if number in alive}
            read = {number: count for number, count in read.items() if number in alive}

    def _named(self, name: str) -> Iterator[Trace]:
        for trace in self._ledger.running():
            if name in map(readable, trace.call_ids) or id_of(trace.call_ids[0], trace.start).startswith(name):
                yield trace


def _state(row: Summary) -> tuple[object, ...]:
    """What a follower wants to be told of when it changes."""
    return row.result, row.ring_s, row.answer_s, row.ended_at


class ControlClient:
    """The asking side, for the command line: plain blocking sockets."""

    def __init__(self, state: Path) -> None:
        self._path = state / SOCKET

    def rows(self, wanted: Wanted) -> list[Summary] | None:
        """The running calls; None when no edge runs here."""
        lines = self._ask(Request(Ask.LIST, wanted=wanted))
        return None if lines is None else [msgspec.json.decode(line, type=Summary) for line in lines]

    def named(self, name: str) -> list[Trace]:
        """The running calls of that name."""
        return _traces(self._ask(Request(Ask.NAMED, name)) or ())

    def traces(self, wanted: Wanted) -> list[Trace] | None:
        """The running calls, whole; None when no edge runs here."""
        lines = self._ask(Request(Ask.TRACES, wanted=wanted))
        return None if lines is None else _traces(lines)

    def phones(self) -> list[PhoneRow] | None:
        """The registered phones; None when no edge runs here."""
        lines = self._ask(Request(Ask.PHONES))
        return None if lines is None else [msgspec.json.decode(line, type=PhoneRow) for line in lines]

    def follow(self, wanted: Wanted) -> Iterator[Summary] | None:
        """Calls as they begin, are answered and end; None when no edge runs here."""
        lines = self._ask(Request(Ask.FOLLOW, wanted=wanted))
        return None if lines is None else (msgspec.json.decode(line, type=Summary) for line in lines)

    def _ask(self, request: Request) -> Iterator[bytes] | None:
        connection = socket.socket(socket.AF_UNIX)
        try:
            connection.connect(str(self._path))
            connection.sendall(json_bytes(request) + b"\n")
        except OSError:
            connection.close()
            return None
        return _lines(connection)


def _traces(lines: Iterable[bytes]) -> list[Trace]:
    return [trace for line in lines for trace in unpacked(b64decode(msgspec.json.decode(line, type=str)))]


def _lines(connection: socket.socket) -> Iterator[bytes]:
    with connection, connection.makefile("rb") as file:
        yield from file
