"""Where capture agents send what they mirror: HEP over UDP, over TCP and over TLS, all at one address.

An agent that speaks TLS is told from one that does not by its first byte. Over TCP messages follow each other, and
say their length themselves.
"""

import selectors
import socket
import ssl
import time
from collections.abc import Iterable
from pathlib import Path

from talkpath._native import hep_stream_length
from talkpath.base import limits
from talkpath.base.errors import Malformed
from talkpath.capture.reader import Feed
from talkpath.capture.records import Record

# Datagrams, or reads of a connection, that are taken before somebody else has his turn.
_AT_ONCE = 1000
_PIECE = 65_536
# ContentType handshake (RFC 8446 section 5.1): no HEP message begins with it.
_TLS = b"\x16"
_BUFFER = 8 << 20


class _Agent:
    """A connection of an agent."""

    def __init__(self, door: socket.socket) -> None:
        self.door = door
        self.data = b""
        self.is_known = False


class HepDoor:
    """Listens until it is closed. `certificate` is a PEM file with a certificate and its key, for agents that come by
    TLS. Raises OSError where nobody can listen there, and for a certificate that is none."""

    def __init__(self, host: str, port: int, certificate: Path | None = None) -> None:
        self._tls = _context(certificate) if certificate else None
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._agents: dict[socket.socket, _Agent] = {}
        # What came and was no HEP, connections that wanted TLS among it.
        self._strange = 0
        self._datagrams = socket.socket(family, socket.SOCK_DGRAM)
        self._connections = socket.socket(family, socket.SOCK_STREAM)
        self._ready = selectors.DefaultSelector()
        try:
            self._datagrams.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER)
            self._datagrams.bind((host, port))
            self._connections.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            self._connections.bind((host, self._datagrams.getsockname()[1]))
            self._connections.listen()
        except OSError:
            self.close()
            raise
        for door in (self._datagrams, self._connections):
            door.setblocking(False)
            self._ready.register(door, selectors.EVENT_READ)

    @property
    def port(self) -> int:
        """At which it listens."""
        return int(self._datagrams.getsockname()[1])

    def close(self) -> None:
        """Ends every connection."""
        for agent in list(self._agents.values()):
            agent.door.close()
        for door in (self._datagrams, self._connections):
            door.close()
        self._ready.close()

    def take_strange(self) -> int:
        """How much came since this was last asked that was no HEP, or TLS for which there is no certificate."""
        strange, self._strange = self._strange, 0
        return strange

    def take(self, feed: Feed, wait_s: float) -> list[Record]:
        """The records of what came within so many seconds, as soon as there are some."""
        records: list[Record] = []
        for key, _ in self._ready.select(wait_s):
            door = key.fileobj
            assert isinstance(door, socket.socket)
            if door is self._datagrams:
                records += self._received(feed)
            elif door is self._connections:
                self._accept()
            elif door in self._agents:
                records += self._streamed(self._agents[door], feed)
        return records

    def _received(self, feed: Feed) -> Iterable[Record]:
        for _ in range(_AT_ONCE):
            try:
                yield from self._told(self._datagrams.recv(_PIECE), feed)
            except BlockingIOError:
                return

    def _told(self, message: bytes, feed: Feed) -> list[Record]:
        try:
            return feed.hep(message, time.time())
        except Malformed:
            self._strange += 1
            return []

    def _accept(self) -> None:
        try:
            door, _ = self._connections.accept()
        except OSError:
            return
        if len(self._agents) >= limits.HEP_AGENTS:
            door.close()
            return
        door.setblocking(False)
        self._agents[door] = _Agent(door)
        self._ready.register(door, selectors.EVENT_READ)

    def _streamed(self, agent: _Agent, feed: Feed) -> list[Record]:
        """What a connection brought: whole messages; the rest waits."""
        try:
            if not agent.is_known and not self._is_known(agent):
                return []
            is_over = self._read(agent)
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return []
        except ssl.SSLError:
            # A handshake that fails: the agent believes that it mirrors, and nothing comes.
            self._strange += 1
            is_over = True
        except OSError:
            is_over = True
        records: list[Record] = []
        while (length := hep_stream_length(agent.data)) is not None:
            if length == 0:
                self._strange += 1
                is_over = True
                break
            if len(agent.data) < length:
                break
            records += self._told(agent.data[:length], feed)
            agent.data = agent.data[length:]
        if is_over:
            self._forget(agent)
        return records

    def _read(self, agent: _Agent) -> bool:
        """Whether the agent has gone."""
        piece = agent.door.recv(_PIECE)
        agent.data += piece
        # What TLS has decrypted already wakes nobody.
        while isinstance(agent.door, ssl.SSLSocket) and agent.door.pending():
            agent.data += agent.door.recv(_PIECE)
        return not piece

    def _is_known(self, agent: _Agent) -> bool:
        """Looks at the first byte; whether the connection may be read."""
        first = agent.door.recv(1, socket.MSG_PEEK)
        agent.is_known = True
        if first != _TLS:
            return True
        if self._tls is None:
            self._strange += 1
            self._forget(agent)
            return False
        self._ready.unregister(agent.door)
        del self._agents[agent.door]
        agent.door = self._tls.wrap_socket(agent.door, server_side=True, do_handshake_on_connect=False)
        self._agents[agent.door] = agent
        self._ready.register(agent.door, selectors.EVENT_READ)
        return True

    def _forget(self, agent: _Agent) -> None:
        self._ready.unregister(agent.door)
        del self._agents[agent.door]
        agent.door.close()


def _context(certificate: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context
