"""Whose connection ends when there are as many as there may be and somebody else comes.

Who holds connections and proves nothing keeps nobody out: of those that nothing needs, the oldest of the address that
holds the most goes, as long as that address holds more of them than the one that comes.
"""

from collections.abc import Callable, Collection

from talkpath.base.address import Flow
from talkpath.net.stream import Connection

# All connections are looked through at most so often, however many come: 20,000 take some 20 ms.
_LOOK_S = 1.0


class Room:
    """`connections` gives all, the oldest first; `is_known` says whether somebody has proven himself on one, `needed`
    which of some lead to phones, parties of calls, or to who waits for an answer."""

    def __init__(
        self,
        connections: Callable[[], Collection[Connection]],
        is_known: Callable[[Flow], bool],
        needed: Callable[[frozenset[Flow]], frozenset[Flow]],
    ) -> None:
        self._connections = connections
        self._is_known = is_known
        self._needed = needed
        self._looked_at = float("-inf")
        #: of strangers, by the address that they are counted for, those to go first last
        self._strangers: dict[str, list[Connection]] = {}
        #: the addresses that hold any, the one with the most last
        self._hosts: list[str] = []

    def make(self, host: str, now: float) -> bool:
        """End a connection of a stranger, so that `host` may have one; whether there was one to end."""
        if now - self._looked_at >= _LOOK_S:
            self._looked_at = now
            self._look()
        while self._hosts:
            most = self._strangers[self._hosts[-1]]
            if len(most) <= len(self._strangers.get(host, ())):
                return False
            gone = most.pop()
            if not most:
                self._hosts.pop()
            if gone.flow is not None and gone.counted_host:
                gone.sink.count("connections_made_room")
                gone.abort()
                return True
        return False

    def _look(self) -> None:
        strangers = {
            one.flow: one
            for one in self._connections()
            if one.target is None and one.flow is not None and not self._is_known(one.flow)
        }
        needed = self._needed(frozenset(strangers))
        self._strangers = {}
        for flow, connection in strangers.items():
            if flow not in needed:
                self._strangers.setdefault(connection.counted_host, []).append(connection)
        for held in self._strangers.values():
            held.reverse()
        self._hosts = sorted(self._strangers, key=lambda host: len(self._strangers[host]))
