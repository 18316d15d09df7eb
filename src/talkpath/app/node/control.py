"""How the command line asks the running edge: a Unix socket in the state directory, one request a connection.

A request is one line of JSON; the answer is lines of JSON until the edge closes (`follow` never does). Rows are
`Summary`s; a whole call travels in the form in which the history keeps it (`store/blob.py`), so that one reader
serves both. Only the owner of the state directory can connect.
"""

import asyncio
import logging
import os
import socket
import struct
import time
from base64 import b64decode
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from contextlib import suppress
from enum import StrEnum
from pathlib import Path
from typing import Protocol

import msgspec

from talkpath.app.cluster.rows import ClusterRow
from talkpath.app.gateways.rows import GatewayRow
from talkpath.app.registrations.news import RegistrationNews
from talkpath.app.registrations.rows import PhoneRow
from talkpath.app.routing.rehearsing import Wish
from talkpath.app.status.rows import Status
from talkpath.app.top.rows import TopRow, top_rows
from talkpath.base import limits
from talkpath.base.readable import json_bytes, readable
from talkpath.base.texts import Language
from talkpath.calls.build import summary_of
from talkpath.calls.guarded import Ban, Refused
from talkpath.calls.ids import id_of
from talkpath.calls.ledger import Ledger
from talkpath.calls.model import Moment, Summary
from talkpath.calls.trace import Trace
from talkpath.edge.calls.recording import Verb
from talkpath.store.blob import packed, unpacked
from talkpath.store.history import Wanted, fits

SOCKET = "control.sock"
# How often a follower is told what changed.
_FOLLOW_S = 0.25
# Credentials that are refused again and again are told so often.
_AGAIN_S = 60.0
# Rows made between two breaths of the event loop: about a millisecond.
_ROWS_AT_ONCE = 40
# Registrations, which are cheaper and many, also leave together.
_PHONES_AT_ONCE = 200
# The longest request brings the INVITE of a call of the past; a longer line is no request of ours.
_REQUEST_BYTES = 200_000

_log = logging.getLogger("talkpath.control")

#: What a follower is told: a call that changed, a ban, credentials that were refused.
Change = Summary | Ban | Refused


class Ask(StrEnum):
    """What can be asked."""

    LIST = "list"
    NAMED = "named"
    TRACES = "traces"
    FOLLOW = "follow"
    PHONES = "phones"
    FOLLOW_PHONES = "follow-phones"
    GATEWAYS = "gateways"
    BANS = "bans"
    REFUSED = "refused"
    LIFT = "lift"
    ROUTE = "route"
    RELOAD = "reload"
    UPGRADE = "upgrade"
    RECORD = "record"
    STATUS = "status"
    TOP = "top"
    CLUSTER = "cluster"
    DRAIN = "drain"


class Request(msgspec.Struct, frozen=True):
    """One line from the command line. `name` is an id, the beginning of one, or a Call-ID; of `lift`, a source;
    of `reload`, the language in which to answer. `verb` is what `record` is to do with the calls of the name.
    `wish` is the call that `route` asks of. The node of this name is to `drain`, or, with `undo`, to stop that."""

    ask: Ask
    name: str = ""
    wanted: Wanted = Wanted()
    wish: Wish | None = None
    verb: Verb | None = None
    undo: bool = False
    #: Of `phones`: who is not let in, and nobody else.
    only_failing: bool = False


class Reloaded(msgspec.Struct, frozen=True):
    """Whether a configuration was taken up, and what is said of it, in the language that was asked for."""

    is_taken: bool
    lines: tuple[str, ...]


class Door(Protocol):
    """The guard at the door, as it is asked here."""

    def bans(self, now: float) -> list[Ban]: ...
    def refused(self) -> list[Refused]: ...
    def lift(self, source: str, now: float) -> bool: ...


class OpenDoor:
    """Nobody stands there."""

    def bans(self, now: float) -> list[Ban]:
        return []

    def refused(self) -> list[Refused]:
        return []

    def lift(self, source: str, now: float) -> bool:
        return False


class ControlServer:
    """Answers for the running edge. `now` is its clock."""

    def __init__(
        self,
        ledger: Ledger,
        state: Path,
        phones: Callable[[str, bool], Iterable[PhoneRow | None]] = lambda user, only_failing: (),
        door: Door | None = None,
        now: Callable[[], float] = time.time,
        gateways: Callable[[], Iterable[GatewayRow]] = tuple,
        rehearse: Callable[[Wish], Awaitable[list[Moment]]] | None = None,
        reload: Callable[[Language], Awaitable[Reloaded]] | None = None,
        record: Callable[[str, Verb], str] | None = None,
        cluster: Callable[[], ClusterRow] | None = None,
        order: Callable[[str, bool], str] | None = None,
        news: Callable[[], RegistrationNews] | None = None,
        status: Callable[[], Status] | None = None,
        upgrade: Callable[[Language], Awaitable[Reloaded]] | None = None,
    ) -> None:
        self._upgrade = upgrade
        self._status = status
        self._news = news
        self._ledger = ledger
        self._phones = phones
        self._gateways = gateways
        self._rehearse = rehearse
        self._reload = reload
        self._record = record
        self._cluster = cluster
        self._order = order
        self._door = door or OpenDoor()
        self._now = now
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
                async for lines in _phones(self._phones(request.name, request.only_failing)):
                    yield lines
            case Ask.FOLLOW_PHONES if self._news is not None:
                async for line in _followed(self._news()):
                    yield line
            case Ask.GATEWAYS:
                async for line in _rows(self._gateways()):
                    yield line
            case Ask.STATUS if self._status is not None:
                yield json_bytes(self._status())
            case Ask.TOP:
                async for line in _rows(top_rows(self._ledger)):
                    yield line
            case Ask.CLUSTER:
                if self._cluster is not None:
                    yield json_bytes(msgspec.to_builtins(self._cluster()))
            case Ask.DRAIN:
                if self._order is not None:
                    yield json_bytes(self._order(request.name, not request.undo))
            case Ask.BANS:
                for ban in self._door.bans(self._now()):
                    yield json_bytes(msgspec.to_builtins(ban))
            case Ask.REFUSED:
                for refused in self._door.refused():
                    yield json_bytes(msgspec.to_builtins(refused))
            case Ask.RELOAD:
                if self._reload is not None:
                    yield json_bytes(msgspec.to_builtins(await self._reload(Language(request.name))))
            case Ask.UPGRADE:
                if self._upgrade is not None:
                    yield json_bytes(msgspec.to_builtins(await self._upgrade(Language(request.name))))
            case Ask.RECORD if request.verb is not None and self._record is not None:
                for trace in list(self._named(request.name)):
                    if trace.ended_at is None:
                        yield json_bytes(self._record(trace.call_ids[0], request.verb))
            case Ask.LIFT:
                yield json_bytes(self._door.lift(request.name, self._now()))
            case Ask.ROUTE if request.wish is not None and self._rehearse is not None:
                for step in await self._rehearse(request.wish):
                    yield json_bytes(msgspec.to_builtins(step))
            case Ask.FOLLOW:
                async for change in self._changes(request.wanted):
                    yield _line_of(change)

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

    async def _changes(self, wanted: Wanted) -> AsyncIterator[Change]:
        """A row for every call that began, was answered or ended, and for whatever the guard tells, from now on."""
        news = News(self._door, self._now())
        known = {trace.number: _state(summary_of(trace)) for trace in self._ledger.running()}
        read = {trace.number: trace.messages for trace in self._ledger.running()}
        while True:
            await asyncio.sleep(_FOLLOW_S)
            for told in news.take(self._now()):
                yield told
            running = list(self._ledger.running())
            for trace in running:
                if read.get(trace.number) == trace.messages and trace.ended_at is None:
                    continue
                read[trace.number] = trace.messages
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


async def _phones(rows: Iterable[PhoneRow | None]) -> AsyncIterator[bytes]:
    """Lines of rows, many at a time: of a hundred thousand each microsecond counts."""
    lines: list[bytes] = []
    for row in rows:
        if row is not None:
            lines.append(json_bytes(row))
        if row is None or len(lines) >= _PHONES_AT_ONCE:
            if lines:
                yield b"\n".join(lines)
                lines.clear()
            await asyncio.sleep(0)
    if lines:
        yield b"\n".join(lines)


async def _followed(news: RegistrationNews) -> AsyncIterator[bytes]:
    try:
        while True:
            for change in news.take():
                yield json_bytes(change)
            await asyncio.sleep(_FOLLOW_S)
    finally:
        news.close()


async def _rows(rows: Iterable[GatewayRow | TopRow]) -> AsyncIterator[bytes]:
    for number, row in enumerate(rows):
        if number % _ROWS_AT_ONCE == _ROWS_AT_ONCE - 1:
            await asyncio.sleep(0)
        yield json_bytes(msgspec.to_builtins(row))


class News:
    """What the guard told since it was last asked: each ban, and credentials that are refused, once a minute."""

    def __init__(self, door: Door, now: float) -> None:
        self._door = door
        self._last_ban = max((ban.number for ban in door.bans(now)), default=0)
        self._told = {(one.user, one.source): (one.last, one.times) for one in door.refused()}

    def take(self, now: float) -> Iterator[Ban | Refused]:
        for ban in self._door.bans(now):
            if ban.number > self._last_ban:
                self._last_ban = ban.number
                yield ban
        refused = self._door.refused()
        for one in refused:
            at, times = self._told.get((one.user, one.source), (0.0, 0))
            if one.times != times and one.last - at >= _AGAIN_S:
                self._told[one.user, one.source] = one.last, one.times
                yield one
        if len(self._told) > 2 * limits.GUARD_STORIES:
            known = {(one.user, one.source) for one in refused}
            self._told = {key: told for key, told in self._told.items() if key in known}


def _line_of(change: Change) -> bytes:
    """A call as it is; what the guard tells under a name of its own."""
    if isinstance(change, Summary):
        return msgspec.json.encode(change)
    kind = "ban" if isinstance(change, Ban) else "refused"
    return json_bytes({kind: msgspec.to_builtins(change)})


def _change_of(line: bytes) -> Change:
    if line.startswith(b'{"ban":'):
        return msgspec.json.decode(line, type=dict[str, Ban])["ban"]
    if line.startswith(b'{"refused":'):
        return msgspec.json.decode(line, type=dict[str, Refused])["refused"]
    return msgspec.json.decode(line, type=Summary)


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

    def phones(self, user: str = "", *, only_failing: bool = False) -> Iterator[bytes] | None:
        """The registered phones and who is not let in, each a `PhoneRow` in JSON; None when no edge runs here."""
        lines = self._ask(Request(Ask.PHONES, user, only_failing=only_failing))
        return None if lines is None else (line.rstrip() for line in lines)

    def registration_news(self) -> Iterator[bytes] | None:
        """What changes among them, each a `News` in JSON; None when no edge runs here."""
        lines = self._ask(Request(Ask.FOLLOW_PHONES))
        return None if lines is None else (line.rstrip() for line in lines)

    def gateways(self) -> list[GatewayRow] | None:
        """The gateways; None when no edge runs here."""
        lines = self._ask(Request(Ask.GATEWAYS))
        return None if lines is None else [msgspec.json.decode(line, type=GatewayRow) for line in lines]

    def status(self) -> Status | None:
        """How the edge is; None when none runs here."""
        lines = self._ask(Request(Ask.STATUS))
        return None if lines is None else next((msgspec.json.decode(line, type=Status) for line in lines), None)

    def top(self) -> list[TopRow] | None:
        """The calls that run and how they sound; None when no edge runs here."""
        lines = self._ask(Request(Ask.TOP))
        return None if lines is None else [msgspec.json.decode(line, type=TopRow) for line in lines]

    def cluster(self) -> list[ClusterRow] | None:
        """The cluster, nothing for a node that is alone; None when no edge runs here."""
        lines = self._ask(Request(Ask.CLUSTER))
        return None if lines is None else [msgspec.json.decode(line, type=ClusterRow) for line in lines]

    def drain(self, node: str, *, undo: bool) -> str | None:
        """Have a node give way, or stop that: "" or why not (unknown, gone, alone); None when no edge runs here."""
        lines = self._ask(Request(Ask.DRAIN, node, undo=undo))
        return None if lines is None else next((msgspec.json.decode(line, type=str) for line in lines), "alone")

    def reload(self, language: Language) -> Reloaded | None:
        """Have configuration and script taken up anew; None when no edge runs here."""
        return self._reloaded(Request(Ask.RELOAD, language))

    def upgrade(self, language: Language) -> Reloaded | None:
        """Have another process take the place of the one that runs; None when no edge runs here."""
        return self._reloaded(Request(Ask.UPGRADE, language))

    def _reloaded(self, request: Request) -> Reloaded | None:
        lines = self._ask(request) or ()
        return next((msgspec.json.decode(line, type=Reloaded) for line in lines), None)

    def place(self) -> int | None:
        """What tells the socket of one process from that of the next; None while nobody answers at it."""
        with socket.socket(socket.AF_UNIX) as connection:
            try:
                number = self._path.stat().st_ino
                connection.connect(str(self._path))
            except OSError:
                return None
        return number

    def route(self, wish: Wish) -> list[Moment] | None:
        """What would happen to a call; None when no edge runs here."""
        lines = self._ask(Request(Ask.ROUTE, wish=wish))
        return None if lines is None else [msgspec.json.decode(line, type=Moment) for line in lines]

    def follow(self, wanted: Wanted) -> Iterator[Change] | None:
        """Calls as they begin, are answered and end, and what the guard tells; None when no edge runs here."""
        lines = self._ask(Request(Ask.FOLLOW, wanted=wanted))
        return None if lines is None else (_change_of(line) for line in lines)

    def record(self, name: str, verb: Verb) -> list[str] | None:
        """Do this with the recordings of running calls of that name: for each, "" or why not; None when no edge runs
        here."""
        lines = self._ask(Request(Ask.RECORD, name, verb=verb))
        return None if lines is None else [msgspec.json.decode(line, type=str) for line in lines]

    def bans(self) -> list[Ban] | None:
        """The bans in force; None when no edge runs here."""
        lines = self._ask(Request(Ask.BANS))
        return None if lines is None else [msgspec.json.decode(line, type=Ban) for line in lines]

    def refused(self) -> list[Refused]:
        """Whose credentials were refused lately; nobody's when no edge runs here."""
        return [msgspec.json.decode(line, type=Refused) for line in self._ask(Request(Ask.REFUSED)) or ()]

    def lift(self, source: str) -> bool:
        """End the bans of a source; whether there was one."""
        return any(msgspec.json.decode(line, type=bool) for line in self._ask(Request(Ask.LIFT, source)) or ())

    def _ask(self, request: Request) -> Iterator[bytes] | None:
        connection = socket.socket(socket.AF_UNIX)
        try:
            connection.connect(str(self._path))
            connection.sendall(json_bytes(request) + b"\n")
        except OSError:
            connection.close()
            return None
        return _lines(connection)


def running_edge(state: Path) -> int | None:
    """The process of the edge that runs with this state directory; None where none does."""
    with socket.socket(socket.AF_UNIX) as connection:
        try:
            connection.connect(str(state / SOCKET))
            told = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
        except OSError:
            return None
    pid: int = struct.unpack("3i", told)[0]
    return pid


def _traces(lines: Iterable[bytes]) -> list[Trace]:
    return [trace for line in lines for trace in unpacked(b64decode(msgspec.json.decode(line, type=str)))]


def _lines(connection: socket.socket) -> Iterator[bytes]:
    with connection, connection.makefile("rb") as file:
        yield from file
