"""Listening sockets that were open before this process began: of systemd (LISTEN_FDS, sd_listen_fds(3)), or of the
process whose place it takes. Who connects or sends meanwhile waits in them."""

import os
import socket
from collections.abc import Iterable, MutableMapping

# The first of those that systemd hands over.
_FIRST = 3

_Place = tuple[int, str, int]


class Inherited:
    """See the module's docstring. Each is taken once, by who listens at its address; `close` lets go of the rest."""

    def __init__(self, descriptors: Iterable[int]) -> None:
        self._sockets: dict[_Place, socket.socket] = {}
        for number in descriptors:
            try:
                sock = socket.socket(fileno=number)
                host, port = sock.getsockname()[:2]
            except (OSError, ValueError):
                continue  # no socket, or one of a family that is not ours
            sock.setblocking(False)
            os.set_inheritable(number, False)
            self._sockets[sock.type, host, port] = sock

    def take(self, kind: socket.SocketKind, host: str, port: int) -> socket.socket | None:
        """The socket at that address, if it was inherited."""
        return self._sockets.pop((kind, host, port), None)

    def close(self) -> None:
        """Nobody wants the rest: who connects there is refused from now on."""
        for sock in self._sockets.values():
            sock.close()
        self._sockets.clear()


def of_systemd(environ: MutableMapping[str, str] = os.environ) -> list[int]:
    """The descriptors that systemd hands over; what says so is taken away, for it is of this process alone."""
    process, count = environ.pop("LISTEN_PID", ""), environ.pop("LISTEN_FDS", "")
    environ.pop("LISTEN_FDNAMES", None)
    if process != str(os.getpid()) or not count.isdigit():
        return []
    return list(range(_FIRST, _FIRST + int(count)))
