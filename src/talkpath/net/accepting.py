"""Accepting connections: each is counted before anything is read of it, a TLS handshake among it."""

import asyncio
import errno
import logging
import socket
import ssl
from collections.abc import Callable
from typing import Protocol

from talkpath.net.stream import Connection

# Connections taken before other sockets get their turn.
_AT_ONCE = 64
# How long a TLS handshake may take; who does not finish it is no phone.
_HANDSHAKE_TIMEOUT_S = 10.0
# How long a listener rests when this host has nothing left to take a connection with. They wait in the backlog; asked
# again at once, the same would be said, and nothing else would be done.
_REST_S = 0.2
_NOTHING_LEFT = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)

_log = logging.getLogger(__name__)


class Doorkeeper(Protocol):
    """Who knows how many there may be."""

    def admit(self, host: str, descriptor: int) -> bool:
        """Count one more connection from `host`; False when it is one too many."""

    def dismiss(self, connection: Connection) -> None:
        """A connection that was admitted and never stood is gone."""

    def count(self, event: str) -> None:
        """Something worth counting."""


class Acceptor:
    """One listening socket."""

    def __init__(
        self,
        sock: socket.socket,
        tls: Callable[[], ssl.SSLContext | None],
        make: Callable[[], Connection],
        keeper: Doorkeeper,
    ) -> None:
        """`tls` gives what is shown to who connects now."""
        self._socket = sock
        self._tls = tls
        self._make = make
        self._keeper = keeper
        self._loop = asyncio.get_running_loop()
        self._resting: asyncio.TimerHandle | None = None
        self._handing: set[asyncio.Task[None]] = set()
        self._is_open = True

    def start(self) -> None:
        """Begin to accept."""
        self._resting = None
        if self._is_open:
            self._loop.add_reader(self._socket.fileno(), self._readable)

    def close(self) -> None:
        """Accept no more, and let go of those that have not come in yet."""
        self._is_open = False
        if self._resting is not None:
            self._resting.cancel()
        if self._socket.fileno() >= 0:
            self._loop.remove_reader(self._socket.fileno())
        self._socket.close()
        for task in list(self._handing):
            task.cancel()

    def rest(self) -> None:
        """Accept nobody for now: who connects waits."""
        if self._resting is not None:
            self._resting.cancel()
        self._loop.remove_reader(self._socket.fileno())

    def leave(self) -> None:
        """Accept no more but those that wait: their phones were told that the connection stands."""
        while self._is_open and self._take_some():
            pass
        self._is_open = False
        if self._resting is not None:
            self._resting.cancel()
        self._loop.remove_reader(self._socket.fileno())
        self._socket.close()

    def _readable(self) -> None:
        self._take_some()

    def _take_some(self) -> bool:
        """Accept some of those that wait; whether there may be more."""
        for _ in range(_AT_ONCE):
            try:
                taken, remote = self._socket.accept()
            except (BlockingIOError, InterruptedError):
                return False
            except OSError as error:
                if error.errno in _NOTHING_LEFT:
                    self._rest(error)
                    return False
                continue  # the peer was gone before we came to it
            if not self._keeper.admit(remote[0], taken.fileno()):
                taken.close()
                continue
            task = self._loop.create_task(self._hand_over(taken, remote[0]))
            self._handing.add(task)
            task.add_done_callback(self._handing.discard)
        return True

    def _rest(self, error: OSError) -> None:
        self._keeper.count("accepting_paused")
        _log.debug("no connection is accepted for %g s (%s)", _REST_S, error)
        self._loop.remove_reader(self._socket.fileno())
        self._resting = self._loop.call_later(_REST_S, self.start)

    async def _hand_over(self, taken: socket.socket, host: str) -> None:
        made = self._make()
        made.counted_host = host
        context = self._tls()
        timeout_s = _HANDSHAKE_TIMEOUT_S if context is not None else None
        try:
            taken.setblocking(False)
            await self._loop.connect_accepted_socket(
                lambda: made, taken, ssl=context, ssl_handshake_timeout=timeout_s
            )
        except OSError:  # what TLS refuses, and a peer that left, among them
            self._keeper.count("handshakes_failed")
            taken.close()
        finally:
            if not made.has_stood:
                self._keeper.dismiss(made)
