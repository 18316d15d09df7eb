"""talkpath's media machine with its engine, as `bench/webrtc.py` drives it by lines of JSON.

What an edge does around it, SIP and the ledger, is measured in `bench/signalling.py`.
"""

import asyncio
import gc
import json
import os
import sys
import time

import uvloop

from talkpath._native import Relay
from talkpath.media import CALLER, Exchange, LegId, MediaAddress, MediaPolicy, MediaSession, Origin, Security
from talkpath.net.media import CallLeases, translated
from talkpath.secure.certificate import Certificate
from talkpath.secure.identity import Identity

HERE = (MediaAddress("127.0.0.1", "127.0.0.1"),)
BROWSER, PHONE = Origin("127.0.0.1", False, HERE, True), Origin("127.0.0.1", False, HERE)
BRANCH = LegId(1)
POLICY = MediaPolicy(first_port=50_000, last_port=59_999)


class Server:
    """The sessions by call, and what wakes them."""

    def __init__(self) -> None:
        self.relay = Relay(workers=1)
        self._security = Security(self.relay, Identity(Certificate.make(time.time()), os.urandom(32)), os.urandom)
        self._sessions: dict[str, MediaSession] = {}
        self._owners: dict[int, MediaSession] = {}
        self._timers: dict[MediaSession, tuple[float, asyncio.TimerHandle]] = {}

    def obey(self, command: dict[str, str]) -> str:
        """An offer of a browser gives what the phone reads, an answer what the browser reads."""
        call, now = command["call"], time.time()
        if command["command"] == "delete":
            session = self._sessions.pop(call)
            for port, _ in session.ports:
                self._owners.pop(port, None)
            session.close(now)
            if (timer := self._timers.pop(session, None)) is not None:
                timer[1].cancel()
            return ""
        session = self._sessions.get(call)
        if session is None:
            owners: dict[int, object] = self._owners  # type: ignore[assignment]
            engine = CallLeases(self.relay, owners, call)  # type: ignore[arg-type]
            session = self._sessions[call] = MediaSession(engine, POLICY, self._security)
        is_offer = command["command"] == "offer"
        frm, to = (CALLER, BRANCH) if is_offer else (BRANCH, CALLER)
        origin, target = (BROWSER, PHONE) if is_offer else (PHONE, BROWSER)
        exchange = Exchange("INVITE", 1, 0 if is_offer else 200)
        body = command["sdp"].encode()
        given = session.carry(body, frm=frm, to=to, exchange=exchange, origin=origin, target=target, now=now)
        if not is_offer:
            session.chosen(BRANCH, now)
        self._owners |= {port: session for port, _ in session.ports}
        session.drain()
        self._schedule(session)
        return given.decode()

    def _schedule(self, session: MediaSession) -> None:
        """Wake the session when ICE or DTLS wants it, as `net/media.py` does."""
        if (deadline := session.deadline()) is None:
            return
        loop, timer = asyncio.get_running_loop(), self._timers.get(session)
        at = loop.time() + max(0.0, deadline - time.time())
        if timer is not None:
            if timer[0] <= at:
                return
            timer[1].cancel()
        self._timers[session] = (at, loop.call_at(at, self._expire, session))

    def _expire(self, session: MediaSession) -> None:
        self._timers.pop(session, None)
        session.expire(time.time())
        session.drain()
        self._schedule(session)

    def take_events(self) -> None:
        """What climbed, to its session."""
        now = time.time()
        touched: dict[MediaSession, None] = {}
        for event in self.relay.events():
            told = translated(event)
            session = self._owners.get(event.port)
            if told is not None and session is not None:
                session.receive(told, now)
                touched[session] = None
        for session in touched:
            session.drain()
            self._schedule(session)

    async def take_meters(self) -> None:
        """Once a second, as a node does."""
        while True:
            await asyncio.sleep(1.0)
            self.relay.meters()


async def main() -> None:
    """Serve until the input ends."""
    server, loop = Server(), asyncio.get_running_loop()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)  # as a node does
    loop.add_reader(server.relay.fileno(), server.take_events)
    metering = loop.create_task(server.take_meters())
    reader = asyncio.StreamReader(limit=1 << 20)
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := await reader.readline():
        print(json.dumps(server.obey(json.loads(line))), flush=True)
    metering.cancel()
    server.relay.shutdown()


if __name__ == "__main__":
    uvloop.run(main())
