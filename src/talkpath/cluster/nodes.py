"""Which nodes there are: each says so once a second, and is gone when it is not heard for three.

Only what comes while the copy is live tells that a node is there: what was read at the beginning may be of yesterday,
and clocks may be minutes apart. While our own copy is stale nobody is taken for gone, for it may be us who hear
nothing.
"""

from collections.abc import Callable, Iterable
from enum import StrEnum
from typing import NamedTuple

import msgspec

from talkpath.base import limits
from talkpath.base.address import Address, Target, Transport
from talkpath.cluster.copy import STALE_S, LiveCopy, State
from talkpath.cluster.envelope import Envelope, Place
from talkpath.edge.forwarding.token import mark as mark_of
from talkpath.media.engine import HEIRS

KIND = "node"
# For how long something can be done for who is gone: its parties hang up by then.
_REMEMBERED_S = 30.0

#: What a beat may take; what is more is a clock that goes wrong.
SKEW_S = 3.0


class NodeRecord(msgspec.Struct, frozen=True):
    """What a node says of itself with each beat. `transport`, `host` and `port` are where other nodes reach its
    signalling."""

    name: str
    version: str
    started_at: float
    transport: str = "TCP"
    host: str = ""
    port: int = 0
    calls: int = 0
    registrations: int = 0
    lag_s: float = 0.0
    waiting: int = 0
    domains: tuple[str, ...] = ()
    first_port: int = 0
    last_port: int = 0
    #: it gives its addresses away, and takes no new calls
    gives_way: bool = False
    #: calls that went from it to others since it does, by their names
    went_to: dict[str, int] = {}
    #: which of the addresses that move it has, and since when by its clock; None: it does not say
    addresses: dict[str, float] | None = None


class News(StrEnum):
    """What happened to a node."""

    JOINED = "joined"
    LEFT = "left"
    GONE = "gone"
    #: Another process bears our name, and began after us.
    NAMESAKE = "namesake"
    #: Another process bears our name, and began before us: we write nothing any more.
    FENCED = "fenced"
    #: It serves other domains, or gives other ports to media.
    OTHER_DOMAINS = "other-domains"
    OTHER_PORTS = "other-ports"


class Event(NamedTuple):
    """Something to be said of a node."""

    news: News
    record: NodeRecord


class Node:
    """Another node, as it is known here."""

    __slots__ = ("is_alive", "left", "record", "seen_at", "skew_s", "token_mark", "was_there", "way")

    def __init__(self, record: NodeRecord) -> None:
        self.record = record
        self.is_alive = False
        self.was_there = False
        self.seen_at = 0.0
        #: what makes a time of its clock one of ours
        self.skew_s = 0.0
        #: the addresses that it had once and has no more, and since when by its clock
        self.left: dict[str, float] = {}
        self.way: Target | None = None
        self.token_mark = mark_of(record.name)

    def heard(self, record: NodeRecord, at: float) -> None:
        """It says this of itself, at that time by its clock."""
        before, now = self.record.addresses or {}, record.addresses or {}
        self.left.update({host: at for host in before if host not in now})
        for host in now:
            self.left.pop(host, None)
        self.record = record


class Nodes:
    """See the module's docstring. `own` says what this node says of itself."""

    def __init__(self, copy: LiveCopy, own: Callable[[], NodeRecord], mark: bytes) -> None:
        self._copy = copy
        self._own = own
        self._mark = mark
        self._others: dict[str, Node] = {}
        self._told_of: set[tuple[News, str]] = set()
        self._was_live = False
        self._news: list[Event] = []
        #: says which node runs a call
        self.run_by: Callable[[str, str], str] = lambda call_id, tag: ""
        #: whether a process with our name that began before us was heard
        self.namesake: NodeRecord | None = None
        copy.keep(KIND, self)
        copy.beat_with(self._beat)

    # --- what is asked

    def way_to(self, name: str) -> Target | None:
        """Where the signalling of a node is reached; None for one that is not there."""
        node = self._others.get(name)
        return node.way if node is not None and node.is_alive else None

    def named(self, mark: bytes) -> str:
        """The node that is there whose tokens bear that mark, "" for none."""
        return next((name for name, node in self._others.items() if node.is_alive and node.token_mark == mark), "")

    def runner_of(self, call_id: str, tag: str) -> str:
        """The node that said last that it runs the call of a caller with this tag, "" for none that is known."""
        return self.run_by(call_id, tag)

    def gives_way(self, name: str) -> bool:
        """Whether that node is there, and said that it gives its addresses away."""
        node = self._others.get(name)
        return node is not None and node.is_alive and node.record.gives_way

    def has_heir(self) -> bool:
        """Whether another node is there that keeps what it has."""
        return any(node.is_alive and not node.record.gives_way for node in self._others.values())

    def heir(self, name: str) -> int:
        """Which of the heirs of that node this one is: no two of up to three have one number, and of more those that
        have it are apart by the time between them (`relay/ahead.rs`). A process of ours is the last."""
        if name == self._copy.node:
            return HEIRS
        heirs = sorted({*self._others, self._copy.node} - {name})
        return heirs.index(self._copy.node) % (HEIRS - 1) + 1

    def ours(self, name: str, at: float) -> float:
        """A time that a node wrote, by our clock."""
        node = self._others.get(name)
        return at if node is None else at + node.skew_s

    def has_left(self, name: str, host: str, at: float) -> bool:
        """Whether what a node wrote at `at` (its clock) may be of an address that it does not have any more."""
        node = self._others.get(name)
        if node is None or not node.was_there:
            return False
        return not node.is_alive or at <= node.left.get(host, -1.0)

    def claims(self, host: str) -> list[tuple[float, str]]:
        """The others that have an address: since when, each by its own clock, and their names."""
        return [
            (has[host], name)
            for name, node in self._others.items()
            if node.is_alive and (has := node.record.addresses) is not None and host in has
        ]

    def gone(self, now: float) -> dict[str, Target]:
        """Those that fell silent a short while ago, and where they would answer."""
        if not self.is_heard():
            return {}
        return {
            name: node.way
            for name, node in self._others.items()
            if not node.is_alive and node.way is not None and now - node.seen_at < _REMEMBERED_S
        }

    def there(self) -> list[str]:
        """Those that are there, with this one."""
        return [self._copy.node, *(name for name, node in self._others.items() if node.is_alive)]

    def is_heard(self) -> bool:
        """Whether the copy is as the engine is, so that it is known who is there."""
        return self._copy.state is State.LIVE

    def others(self) -> list[Node]:
        """All that are known, by name."""
        return [self._others[name] for name in sorted(self._others)]

    def take_news(self) -> list[Event]:
        """What happened since the last time."""
        news, self._news = self._news, []
        return news

    # --- the records of this kind

    def learnt(self, key: str, envelope: Envelope, mark: bytes, now: float) -> None:
        try:
            record = msgspec.msgpack.decode(envelope.body, type=NodeRecord)
        except msgspec.MsgspecError as error:
            raise ValueError(str(error)) from error
        if key != envelope.node or record.name != key:
            raise ValueError("a node speaks for another")
        if key == self._copy.node:
            self._hear_namesake(record)
            return
        node = self._others.get(key)
        if node is None:
            if len(self._others) >= limits.CLUSTER_NODES:
                return
            node = self._others[key] = Node(record)
        node.heard(record, envelope.at)
        node.seen_at = now
        if self._copy.is_whole:
            skew_s = now - envelope.at
            node.skew_s = skew_s if abs(skew_s) >= SKEW_S else 0.0
            node.was_there = True
            node.way = _way_of(record)
            if not node.is_alive:
                node.is_alive = True
                self._say(News.JOINED, record)
                self._compare(record)

    def lost(self, key: str, node: str, now: float) -> None:
        known = self._others.pop(key, None)
        if known is not None and known.is_alive:
            self._say(News.LEFT, known.record)

    def own(self) -> Iterable[str]:
        """The beat itself says that we are there."""
        return ()

    def say(self, key: str) -> tuple[bytes, float] | None:
        return None

    # --- time

    def expire(self, now: float) -> None:
        """Take those for gone that are not heard any more."""
        is_live = self._copy.state is State.LIVE
        for node in self._others.values():
            if not node.is_alive:
                continue
            if is_live and not self._was_live:
                node.seen_at = now
            elif is_live and now - node.seen_at >= STALE_S:
                node.is_alive = False
                self._say(News.GONE, node.record)
        self._was_live = is_live

    def _beat(self) -> tuple[Place, bytes]:
        return Place(KIND, self._copy.node), msgspec.msgpack.encode(self._own())

    def _hear_namesake(self, record: NodeRecord) -> None:
        """A process that bears our name. What was read at the beginning may be of the one before us."""
        if not self._copy.is_whole:
            return
        self.namesake = record
        if record.started_at < self._own().started_at:
            if not self._copy.is_fenced:
                self._copy.fence()
                self._say(News.FENCED, record)
        else:
            self._say_once(News.NAMESAKE, record)

    def _compare(self, record: NodeRecord) -> None:
        own = self._own()
        if set(own.domains) != set(record.domains):
            self._say_once(News.OTHER_DOMAINS, record)
        if (own.first_port, own.last_port) != (record.first_port, record.last_port):
            self._say_once(News.OTHER_PORTS, record)

    def _say_once(self, news: News, record: NodeRecord) -> None:
        if (news, record.name) not in self._told_of:
            self._told_of.add((news, record.name))
            self._say(news, record)

    def _say(self, news: News, record: NodeRecord) -> None:
        if len(self._news) < limits.CLUSTER_NEWS:
            self._news.append(Event(news, record))


def _way_of(record: NodeRecord) -> Target | None:
    if not record.host or record.transport not in (Transport.UDP, Transport.TCP):
        return None
    return Target(Transport(record.transport), Address(record.host, record.port))
