"""Whole WebRTC calls: CPU time of every process of the server, from a browser's INVITE to the 200 of its BYE.

A browser of our own on a WebSocket ([`sip_ends.py`](sip_ends.py), [`webrtc_page.py`](webrtc_page.py)) calls a phone
with UDP and plain RTP; the call counts when the phone heard what the browser said. Kamailio with rtpengine and a
talkpath node stand side by side and take turns.
"""

import asyncio
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Protocol

from bench.ng import Rtpengine
from bench.processes import cpu_s
from bench.servers import Kamailio, Talkpath
from bench.sip_ends import HOST, Browser, Phone
from bench.webrtc import IDENTITY
from bench.webrtc_page import Page

ROUNDS, CALLS, WARM_UP_CALLS, CALLS_PER_S, BROWSERS = 5, 200, 60, 40, 20
KAMAILIO_PORT, TALKPATH_PORT = 15_160, 15_170
# What a server does after a call (history, timers of finished transactions) belongs to its price.
TAIL_S = 2.0
SOON_S, LOOK_S = 5.0, 0.005


class Server(Protocol):
    """What takes the calls: SIP over UDP and WebSocket at the ports, and all its processes."""

    name: str
    port: int
    web_port: int
    pids: Sequence[int]


class KamailioWithRtpengine:
    """Kamailio commands rtpengine with the usual flags."""

    name = "kamailio + rtpengine"
    port = web_port = KAMAILIO_PORT

    def __init__(self, directory: Path, stack: ExitStack) -> None:
        engine = Rtpengine()
        stack.callback(engine.stop)
        proxy = Kamailio(directory, self.port, False, "kamailio-webrtc.cfg", engine.port)
        stack.callback(proxy.stop)
        self.pids = (engine.pid, proxy.pid)


class TalkpathNode:
    """talkpath as `make run` starts it."""

    name = "talkpath"
    port, web_port = TALKPATH_PORT, TALKPATH_PORT + 1

    def __init__(self, directory: Path, stack: ExitStack) -> None:
        node = Talkpath(directory, self.port, False, ["phone"], self.web_port)
        stack.callback(node.stop)
        self.pids = (node.pid,)


class Load:
    """The browsers and the phone of one server; `unkeyed` counts the calls in which nothing was heard."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._pages: dict[str, Page] = {}
        self._browsers: list[Browser] = []
        self._made = 0
        self.unkeyed = 0

    async def connect(self) -> None:
        loop, server = asyncio.get_running_loop(), (HOST, self._server.port)
        self._transport, phone = await loop.create_datagram_endpoint(
            lambda: Phone(server, lambda call: self._pages[call].phone), (HOST, 0)
        )
        await phone.register()
        self._browsers = [await Browser.open(self._server.web_port) for _ in range(BROWSERS)]

    async def run(self, calls: int) -> float:
        """Make calls at their rate; the milliseconds of CPU for one, those that nothing was heard in left out."""
        before, unkeyed, begin = self._cpu_s(), self.unkeyed, time.monotonic()
        running = []
        for number in range(calls):
            await asyncio.sleep(max(0.0, begin + number / CALLS_PER_S - time.monotonic()))
            running.append(asyncio.create_task(self._call(self._browsers[number % BROWSERS])))
        await asyncio.gather(*running)
        await asyncio.sleep(TAIL_S)
        return (self._cpu_s() - before) / (calls - self.unkeyed + unkeyed) * 1e3

    async def close(self) -> None:
        for browser in self._browsers:
            await browser.close()
        self._transport.close()

    def _cpu_s(self) -> float:
        return sum(map(cpu_s, self._server.pids))

    async def _call(self, browser: Browser) -> None:
        self._made += 1
        call = f"bench-{self._server.port}-{self._made}"
        self._pages[call] = page = Page(IDENTITY)
        answer = await browser.invite(call, page.offer, self._server.port)
        page.learn(answer.body.decode())
        self.unkeyed += not await _is_heard(page)
        await browser.bye(answer)
        page.close()
        del self._pages[call]


async def _is_heard(page: Page) -> bool:
    """Whether the phone heard the browser in time."""
    for _ in range(int(SOON_S / LOOK_S)):
        if page.turn():
            return True
        await asyncio.sleep(LOOK_S)
    return False


async def _measure(servers: Sequence[Server]) -> list[float]:
    """The milliseconds of each server for a call: the mean of rounds in which all take turns."""
    loads = [Load(server) for server in servers]
    for load in loads:
        await load.connect()
        await load.run(WARM_UP_CALLS)
    rounds = [[await load.run(CALLS) for load in loads] for _ in range(ROUNDS)]
    for server, load in zip(servers, loads, strict=True):
        if load.unkeyed:
            print(f"  {load.unkeyed} calls of {server.name} were not heard within {SOON_S:g} s", file=sys.stderr)
        await load.close()
    return [sum(figures) / ROUNDS for figures in zip(*rounds, strict=True)]


def main() -> None:
    """Measure both, and print the table as Markdown."""
    for program in ("kamailio", "rtpengine"):
        if shutil.which(program) is None:
            raise SystemExit(f"{program} is missing: run tests/live/install-peers and try again")
    print("  measuring whole WebRTC calls with both servers in turns", file=sys.stderr)
    with tempfile.TemporaryDirectory(prefix="talkpath-bench-") as name, ExitStack() as stack:
        directory = Path(name)
        servers = [KamailioWithRtpengine(directory, stack), TalkpathNode(directory, stack)]
        theirs, ours = asyncio.run(_measure(servers))
    print("| WebRTC call over WebSocket to a phone, INVITE to BYE's 200 | unit | peer | talkpath | ratio |")
    print("| --- | --- | ---: | ---: | ---: |")
    what = f"{CALLS_PER_S} a second (Kamailio and rtpengine)"
    print(f"| {what} | ms CPU | {theirs:.2f} | {ours:.2f} | {ours / theirs:.2f} |")


if __name__ == "__main__":
    main()
