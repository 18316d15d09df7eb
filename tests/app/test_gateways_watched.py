"""`talkpath gateways --watch`: on a terminal and into a pipe, until it is interrupted or the edge goes."""

import asyncio
import fcntl
import json
import os
import pty
import signal
import struct
import sys
import termios
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from pathlib import Path

import msgspec
import pytest
from tests.edge.carrier import gateway, house

from talkpath.app.gateways.rows import GatewayRow, gateway_rows
from talkpath.app.node.control import ControlServer
from talkpath.calls.ledger import Ledger

PATIENCE_S = 20.0
ENVIRON = {**os.environ, "PYTHONPATH": "src", "TERM": "xterm", "LC_ALL": "C.UTF-8", "COLUMNS": "240"}
# What leaves the second screen of a terminal, and what shows the cursor again.
LEFT, SHOWN = b"\x1b[?1049l", b"\x1b[?25h"


class Edge:
    """What a running edge is to the command: rows, which a test may change."""

    def __init__(self, state: Path) -> None:
        lab = house(gateway("a", "198.51.100.50"), gateway("b", "198.51.100.51"))
        self.rows: list[GatewayRow] = list(gateway_rows(lab.edge.gateways, lab.now))
        self.state = state
        self.server = ControlServer(Ledger(), state, gateways=lambda: iter(self.rows))

    def becomes(self, name: str, state: str) -> None:
        """A gateway changes its state."""
        self.rows = [
            msgspec.structs.replace(row, state=state, since=row.since + 1) if row.name == name else row
            for row in self.rows
        ]

    async def watched(self, *options: str, out: int = PIPE) -> Process:
        """The command, which watches this edge."""
        command = [sys.executable, "-m", "talkpath", "gateways", "--watch", "--state", str(self.state), *options]
        return await asyncio.create_subprocess_exec(*command, stdout=out, stderr=PIPE, env=ENVIRON)


@pytest.fixture
async def edge(tmp_path: Path) -> AsyncIterator[Edge]:
    made = Edge(tmp_path)
    await made.server.start()
    yield made
    await made.server.stop()


@pytest.fixture
def terminal() -> Iterator[tuple[int, int]]:
    """Both ends of one: where its user looks, and where a program writes."""
    ours, theirs = pty.openpty()
    # Wide enough for every column.
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 240, 0, 0))
    yield ours, theirs
    for end in (ours, theirs):
        os.close(end)


async def ended(watch: Process) -> tuple[int, bytes]:
    """Its exit code and what it said."""
    assert watch.stderr is not None
    said = await asyncio.wait_for(watch.stderr.read(), PATIENCE_S)
    return await watch.wait(), said


async def line(watch: Process) -> bytes:
    assert watch.stdout is not None
    return await asyncio.wait_for(watch.stdout.readline(), PATIENCE_S)


async def seen(end: int, what: bytes, screen: bytes = b"") -> bytes:
    """What the terminal got, until it shows something."""
    loop, readable = asyncio.get_running_loop(), asyncio.Event()
    os.set_blocking(end, False)
    loop.add_reader(end, readable.set)
    until = loop.time() + PATIENCE_S
    try:
        while what not in screen:
            # What is drawn again and again must not keep it waiting for what never comes.
            await asyncio.wait_for(readable.wait(), until - loop.time())
            readable.clear()
            with suppress(BlockingIOError):
                screen += os.read(end, 65_536)
    finally:
        loop.remove_reader(end)
    return screen


async def test_into_a_pipe_goes_each_gateway_once_and_then_whichever_changes_or_is_removed(edge: Edge) -> None:
    watch = await edge.watched()
    assert [(await line(watch)).split(b"\t")[0] for _ in edge.rows] == [b"a", b"b"]
    edge.becomes("b", "down")
    assert (await line(watch)).split(b"\t")[:3] == [b"b", b"carriers", b"down"]
    edge.rows = edge.rows[1:]
    assert (await line(watch)).split(b"\t")[:3] == [b"a", b"carriers", b"removed"]
    watch.send_signal(signal.SIGINT)
    assert await ended(watch) == (-signal.SIGINT, b"")


async def test_as_json_each_is_one_line(edge: Edge) -> None:
    watch = await edge.watched("--json")
    assert [json.loads(await line(watch))["name"] for _ in edge.rows] == ["a", "b"]
    edge.becomes("a", "disabled")
    changed = json.loads(await line(watch))
    assert (changed["name"], changed["state"]) == ("a", "disabled")
    watch.send_signal(signal.SIGINT)
    assert await ended(watch) == (-signal.SIGINT, b"")


async def test_a_terminal_shows_the_table_anew_and_is_left_as_it_was(edge: Edge, terminal: tuple[int, int]) -> None:
    ours, theirs = terminal
    watch = await edge.watched(out=theirs)
    await seen(ours, b"not asked yet")
    edge.becomes("b", "down")
    screen = await seen(ours, b"down")
    watch.send_signal(signal.SIGINT)
    screen = await seen(ours, LEFT, screen)
    assert SHOWN in screen
    assert await ended(watch) == (-signal.SIGINT, b"")


async def test_when_the_edge_goes_it_is_said_on_the_screen_that_was_there_before(
    edge: Edge, terminal: tuple[int, int]
) -> None:
    ours, theirs = terminal
    watch = await edge.watched(out=theirs)
    await seen(ours, b"not asked yet")
    await edge.server.stop()
    await seen(ours, LEFT)
    code, said = await ended(watch)
    assert (code, said.split(b".")[0]) == (1, b"No edge is running here, so nobody knows its gateways")


async def test_whoever_reads_has_enough(edge: Edge) -> None:
    end, out = os.pipe()
    watch = await edge.watched(out=out)
    os.close(out)
    await seen(end, b"b\tcarriers")
    os.close(end)
    edge.becomes("a", "down")
    assert await ended(watch) == (0, b"")
