"""The live copy that a node keeps of a cluster's records, and what it has to write: a machine without I/O.

What lies in the engine is told by a watcher, in the order in which it was written; that a record of ours comes back
by it is its receipt, so nothing else has to be waited for. Once a second a heartbeat is written. While it comes back
the copy is `LIVE`. When it does not, the engine has lost its leader, or the watcher its source, or the network is
cut: the copy serves on as it is, what is to be written waits in order (the last of each key), and the watcher is set
up anew until the heartbeat is seen.

Who was away reads before it writes. What waits and has been overtaken by another node meanwhile is let go of: the
record of the later time stays. Expiry stands in the records, so nobody has to write for one to end.

A process whose name another one bears that began before it is fenced: it goes on reading, and writes nothing.
"""

from collections.abc import Callable, Iterable
from enum import StrEnum
from typing import NamedTuple, Protocol

import msgspec

from talkpath.base import limits
from talkpath.cluster.envelope import Envelope, Place, packed, unpacked
from talkpath.cluster.sealing import Seal, Unreadable

#: How often each node says that it is there.
BEAT_S = 1.0
#: Without a sign for so long a copy is stale, and a node gone: two beats may be late.
STALE_S = 3.0
#: What did not come back after so long is written again.
_AGAIN_S = 3.0
# How long nothing may come of a copy that is read, before its watcher is set up anew (a stream without leader has one
# again within 7 s), and how long all of it may take: a million records take some twenty seconds.
_QUIET_S = 10.0
_READING_S = 60.0
# Records on their way that have not come back yet.
_ON_THE_WAY = 2_000
# How long it is remembered that a record is gone: as long as one that was there before may wait somewhere.
_GONE_S = 600.0
_SWEEP_S = 30.0


class State(StrEnum):
    """How far the copy can be believed."""

    #: There is no connection to the engine, or nothing comes back from it.
    AWAY = "away"
    #: What is there is being read.
    READING = "reading"
    #: It is as the engine is.
    LIVE = "live"


class Publish(NamedTuple):
    """An action: write these bytes there. Nobody waits for an answer."""

    place: Place
    data: bytes


class Watch(NamedTuple):
    """An action: tell the records that follow this one, 0 for all, in place of whoever told them before."""

    after: int


Action = Publish | Watch


class Kind(Protocol):
    """Who keeps the records of one kind."""

    def learnt(self, key: str, envelope: Envelope, mark: bytes, now: float) -> None:
        """Another node, or an earlier process of this one, wrote a record. Raises ValueError for one that it cannot
        read."""

    def lost(self, key: str, node: str, now: float) -> None:
        """That node says that there is none any more."""

    def own(self) -> Iterable[str]:
        """The keys of what this node holds and the engine should have."""

    def say(self, key: str) -> tuple[bytes, float] | None:
        """The body of one of these and until when it is good, None where it is none any more."""


class _Known:
    """What the engine has in one place."""

    __slots__ = ("at", "is_gone", "node", "until")

    def __init__(self, envelope: Envelope) -> None:
        self.node = envelope.node
        self.at = envelope.at
        self.until = envelope.until
        self.is_gone = envelope.is_gone


class _Write:
    """What is to be written in one place. `number` is that of its seal, 0 before; `sent_at` when it went."""

    __slots__ = ("envelope", "number", "sent_at")

    def __init__(self, envelope: Envelope) -> None:
        self.envelope = envelope
        self.number = 0
        self.sent_at = 0.0


class Health(NamedTuple):
    """What a listing says of the copy. `lag_s`: how long the last heartbeat took to come back."""

    state: str
    lag_s: float
    waiting: int
    on_the_way: int
    records: int
    since: float


class LiveCopy:
    """See the module's docstring. `said` is told what nobody here can read, by a word; once for each."""

    def __init__(self, node: str, seal: Seal, said: Callable[[Unreadable, Place], None], now: float) -> None:
        self.node = node
        self._seal = seal
        self._said = said
        self._kinds: dict[str, Kind] = {}
        self._known: dict[Place, _Known] = {}
        self._waiting: dict[Place, _Write] = {}
        self._on_the_way: dict[Place, _Write] = {}
        self._actions: list[Action] = []
        self._beat: Callable[[], tuple[Place, bytes]] | None = None
        self._beat_place: Place | None = None
        self._beat_at = now
        self._beat_sent: dict[int, float] = {}
        self._seen_at = self._watched_at = now
        self._sweep_at = now + _SWEEP_S
        self._after = 0
        self._is_connected = False
        #: whether all that there was has been read; what comes from then on is new
        self.is_whole = False
        self._has_holes = False
        self.is_fenced = False
        self.state = State.AWAY
        self.since = now
        self.lag_s = 0.0
        self.counters = {"written": 0, "read": 0, "written_again": 0, "let_go": 0, "unreadable": 0, "left_out": 0}

    # --- who is in the house

    def keep(self, kind: str, keeper: Kind) -> None:
        """From now on `keeper` is told of the records of this kind."""
        self._kinds[kind] = keeper

    def beat_with(self, beat: Callable[[], tuple[Place, bytes]]) -> None:
        """What the heartbeat says, asked for each time."""
        self._beat = beat

    def put(self, place: Place, body: bytes, until: float, now: float) -> None:
        """Have the other nodes know this, in place of what was there. Returns at once."""
        self._write(place, Envelope(self.node, now, until, body))

    def drop(self, place: Place, now: float) -> None:
        """There is nothing any more."""
        self._write(place, Envelope(self.node, now, now + _GONE_S, is_gone=True))

    def withdraw(self, place: Place) -> None:
        """What waits to be written there is nobody's to write any more."""
        self._waiting.pop(place, None)
        self._on_the_way.pop(place, None)

    def beat_now(self, now: float) -> None:
        """What the heartbeat says has changed, and others should not wait for the next."""
        self._beat_at = now

    def waits_since(self, place: Place) -> float | None:
        """Since when something is to be written there that did not come back."""
        pending = self._waiting.get(place) or self._on_the_way.get(place)
        return None if pending is None else pending.envelope.at

    def knows(self, place: Place) -> bool:
        """Whether the engine is known to have something there."""
        known = self._known.get(place)
        return known is not None and not known.is_gone

    def told_until(self, place: Place) -> float:
        """Until when the others have what this node said there, or will have as soon as it can be written; 0 for
        nothing."""
        write = self._waiting.get(place) or self._on_the_way.get(place)
        if write is not None:
            return 0.0 if write.envelope.is_gone else write.envelope.until
        known = self._known.get(place)
        return 0.0 if known is None or known.is_gone or known.node != self.node else known.until

    def fence(self) -> None:
        """Somebody else bears the name of this node: nothing is written any more."""
        self.is_fenced = True
        self._waiting.clear()
        self._on_the_way.clear()

    @property
    def is_settled(self) -> bool:
        """Whether nothing waits to be written or to come back."""
        return not self._waiting and not self._on_the_way

    def health(self) -> Health:
        return Health(self.state, self.lag_s, len(self._waiting), len(self._on_the_way), len(self._known), self.since)

    # --- what the engine tells

    def connected(self, now: float) -> None:
        """There is a connection, the first or a new one: what came meanwhile is read."""
        self._is_connected = True
        self._take_back()
        self._change(State.READING, now)
        self._watch(self._after, now)

    def disconnected(self, now: float) -> None:
        self._is_connected = False
        self._change(State.AWAY, now)
        self._take_back()

    def is_behind(self, last: int, now: float) -> bool:
        """Whether an engine whose last record has the number `last` is not the one that was read: it lost what it
        had, or was made anew. Then all of it is to be read."""
        if last >= self._after:
            return False
        self._after = 0
        self._known.clear()
        self._change(State.READING, now)
        self._watch(0, now)
        return True

    def delivered(self, place: Place, data: bytes, sequence: int, now: float) -> None:
        """The watcher brings a record. `sequence` is its number in the engine; they rise."""
        self._after = sequence
        self.counters["read"] += 1
        if not self.is_whole:
            self._seen_at = now
        number = self._seal.own_number(data)
        if number is not None:
            self._came_back(place, number, now)
            return
        opened = self._seal.open(place, data)
        if isinstance(opened, Unreadable):
            self._unreadable(opened, place)
            return
        try:
            self._take(place, unpacked(opened.data), opened.mark, now)
        except (msgspec.MsgspecError, ValueError):
            self._unreadable(Unreadable.FOREIGN, place)

    def read_whole(self, now: float) -> None:
        """The watcher has told all that there was when it began."""
        if self.is_whole:
            return
        self.is_whole = True
        self._seen_at = now
        # The next beat shows whether what is written comes back.
        self._beat_at = now
        self.say_again(now)

    def say_again(self, now: float) -> None:
        """What this node holds and the engine does not have, because it lost it or because too much waited."""
        for kind, keeper in self._kinds.items():
            for key in list(keeper.own()):
                place = Place(kind, key)
                known = self._known.get(place)
                is_there = known is not None and not (known.is_gone and known.node == self.node)
                if (is_there and not self._has_holes) or place in self._waiting or place in self._on_the_way:
                    continue
                said = keeper.say(key)
                if said is not None:
                    self.put(place, *said, now)
        self._has_holes = False

    def _came_back(self, place: Place, number: int, now: float) -> None:
        write = self._on_the_way.get(place)
        if write is not None and write.number <= number:
            del self._on_the_way[place]
            self._known[place] = _Known(write.envelope)
        if place == self._beat_place:
            sent_at = self._beat_sent.get(number)
            if sent_at is not None:
                self.lag_s = max(0.0, now - sent_at)
                self._beat_sent.clear()
                self._seen_at = now
                if self.is_whole:
                    self._change(State.LIVE, now)

    def _take(self, place: Place, envelope: Envelope, mark: bytes, now: float) -> None:
        """What another process says, unless what is to be written there is later."""
        pending = self._waiting.get(place) or self._on_the_way.get(place)
        if pending is not None:
            if pending.envelope.at >= envelope.at:
                return
            self._waiting.pop(place, None)
            self._on_the_way.pop(place, None)
            self.counters["let_go"] += 1
        if envelope.until > now:
            self._known[place] = _Known(envelope)
        else:
            # Of a table of stale records nothing is kept.
            self._known.pop(place, None)
        keeper = self._kinds.get(place.kind)
        if keeper is None:
            return
        if envelope.is_gone:
            keeper.lost(place.key, envelope.node, now)
        else:
            keeper.learnt(place.key, envelope, mark, now)

    def _unreadable(self, why: Unreadable, place: Place) -> None:
        self.counters["unreadable"] += 1
        self._said(why, place)

    # --- the machine

    def deadline(self) -> float:
        """When `expire` wants to be called next."""
        first = next(iter(self._on_the_way.values()), None)
        return self._beat_at if first is None else min(self._beat_at, first.sent_at + _AGAIN_S)

    def expire(self, now: float) -> None:
        if now >= self._beat_at:
            self._beat_at = max(self._beat_at + BEAT_S, now)
            self._send_beat(now)
        if self._is_connected and self._is_overdue(now):
            self._take_back()
            self._change(State.AWAY, now)
            self._watch(self._after, now)
        self._send_again(now)
        if now >= self._sweep_at:
            self._sweep(now)

    def _is_overdue(self, now: float) -> bool:
        """Whether this watcher will tell nothing more, or not what it should."""
        if self.is_whole:
            return now - self._seen_at >= STALE_S
        return now - self._seen_at >= _QUIET_S or now - self._watched_at >= _READING_S

    def drain(self, now: float) -> list[Action]:
        """What the engine is to do."""
        if self.state is State.LIVE and self._waiting:
            self._send(now)
        actions, self._actions = self._actions, []
        return actions

    def _watch(self, after: int, now: float) -> None:
        self.is_whole = False
        self._seen_at = self._watched_at = now
        self._actions.append(Watch(after))

    def _change(self, state: State, now: float) -> None:
        if state is not self.state:
            self.state, self.since = state, now

    def _send_beat(self, now: float) -> None:
        """Not by way of what waits: that goes only while beats come back. Nothing is written before all is read: who
        has another secret must not speak in the place of one who is there."""
        if self._beat is None or not self._is_connected or not self.is_whole or self.is_fenced:
            return
        place, body = self._beat()
        self._beat_place = place
        number, data = self._seal.seal(place, packed(Envelope(self.node, now, now + _GONE_S, body)))
        self._beat_sent[number] = now
        if len(self._beat_sent) > 2 * STALE_S:
            del self._beat_sent[next(iter(self._beat_sent))]
        self._actions.append(Publish(place, data))

    def _write(self, place: Place, envelope: Envelope) -> None:
        if self.is_fenced:
            return
        self._on_the_way.pop(place, None)
        # Put last again: they go in the order in which they were said.
        self._waiting.pop(place, None)
        self._waiting[place] = _Write(envelope)
        if len(self._waiting) > limits.CLUSTER_WAITING:
            del self._waiting[next(iter(self._waiting))]
            self._has_holes = True
            self.counters["left_out"] += 1

    def _send(self, now: float) -> None:
        while self._waiting and len(self._on_the_way) < _ON_THE_WAY:
            place = next(iter(self._waiting))
            write = self._waiting.pop(place)
            if write.envelope.until <= now:
                continue
            write.number, data = self._seal.seal(place, packed(write.envelope))
            write.sent_at = now
            self._on_the_way[place] = write
            self.counters["written"] += 1
            self._actions.append(Publish(place, data))

    def _send_again(self, now: float) -> None:
        """What did not come back while others did: the engine let it go."""
        late = [place for place, write in self._on_the_way.items() if now - write.sent_at >= _AGAIN_S]
        if late:
            self.counters["written_again"] += len(late)
            again = {place: self._on_the_way.pop(place) for place in late}
            again.update(self._waiting)
            self._waiting = again

    def _take_back(self) -> None:
        """Nobody knows whether these arrived: they go again, before what waits."""
        again = self._on_the_way
        self._on_the_way = {}
        again.update(self._waiting)
        self._waiting = again

    def _sweep(self, now: float) -> None:
        """Forget what has run out."""
        self._sweep_at = now + _SWEEP_S
        for place in [place for place, known in self._known.items() if known.until <= now]:
            del self._known[place]
