"""Candidate pairs in the order in which they are checked (RFC 8445 section 6.1.2 and 6.1.4)."""

from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum

from talkpath.base.address import Address
from talkpath.base.limits import ICE_PAIRS
from talkpath.ice.candidate import Candidate
from talkpath.ice.events import LocalSocket
from talkpath.ice.record import PairRecord, SocketRecord


class PairState(Enum):
    """RFC 8445 section 6.1.2.6."""

    FROZEN = "frozen"
    WAITING = "waiting"
    IN_PROGRESS = "in-progress"
    SUCCEEDED = "succeeded"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class LocalCandidate:
    """Our socket and the candidate it is known by."""

    socket: LocalSocket
    candidate: Candidate

    def save(self) -> SocketRecord:
        """As data."""
        at = self.socket
        return SocketRecord(at.socket, at.component, at.address, self.candidate.save())

    @classmethod
    def resumed(cls, record: SocketRecord) -> "LocalCandidate":
        """The same again."""
        at = LocalSocket(record.socket, record.component, record.address)
        return cls(at, Candidate.resumed(record.candidate))


@dataclass(slots=True, eq=False)
class Pair:
    """One way to the peer. What happened on it decides; there is no other copy of this state."""

    local: LocalCandidate
    remote: Candidate
    state: PairState = PairState.FROZEN
    # An authenticated check came from there, or our own was answered.
    authenticated: bool = False
    # The peer sent USE-CANDIDATE; when, and with which renomination number (0: none).
    nominated_at: float | None = None
    nomination: int = 0
    # As controlling: the next check carries USE-CANDIDATE.
    nominating: bool = False
    # When an authenticated check came last.
    checked_at: float | None = None

    @property
    def socket(self) -> int:
        return self.local.socket.socket

    @property
    def component(self) -> int:
        return self.local.socket.component

    @property
    def key(self) -> tuple[int, Address]:
        return self.socket, self.remote.address

    @property
    def foundation(self) -> tuple[str, str]:
        return self.local.candidate.foundation, self.remote.foundation

    def priority(self, controlling: bool) -> int:
        """RFC 8445 section 6.1.2.3."""
        ours, theirs = self.local.candidate.priority, self.remote.priority
        g, d = (ours, theirs) if controlling else (theirs, ours)
        return (min(g, d) << 32) + 2 * max(g, d) + (g > d)


@dataclass(slots=True)
class Checklist:
    """The pairs of one generation, capped, and the queue of triggered checks."""

    pairs: dict[tuple[int, Address], Pair] = field(default_factory=dict)
    triggered: deque[Pair] = field(default_factory=deque)

    def save(self) -> tuple[PairRecord, ...]:
        """The pairs as data. What is being checked waits for its check."""
        return tuple([_saved(pair) for pair in self.pairs.values()])

    def resume(self, records: Iterable[PairRecord], local: Mapping[int, LocalCandidate]) -> list[Pair]:
        """Hold these pairs again; gives them in their order."""
        made = [_resumed(record, local[record.socket]) for record in records]
        self.pairs = {pair.key: pair for pair in made}
        return made

    def find(self, socket: int, remote: Address) -> Pair | None:
        return self.pairs.get((socket, remote))

    def add(self, local: LocalCandidate, remote: Candidate) -> Pair | None:
        """The pair of these two, new or there before; None where the list is full."""
        key = local.socket.socket, remote.address
        pair = self.pairs.get(key)
        if pair is not None:
            # Signalled after it was learnt: it keeps its state and gets its proper type and priority.
            pair.remote = remote
            return pair
        if len(self.pairs) >= ICE_PAIRS:
            return None
        pair = self.pairs[key] = Pair(local, remote)
        return pair

    def of_component(self, component: int) -> Iterator[Pair]:
        return (pair for pair in self.pairs.values() if pair.component == component)

    def trigger(self, pair: Pair) -> None:
        """RFC 8445 section 7.3.1.4: check it soon, once."""
        if pair not in self.triggered:
            self.triggered.append(pair)

    def next(self, controlling: bool) -> Pair | None:
        """The pair whose turn it is (section 6.1.4.2), or None when there is nothing to check."""
        if self.triggered:
            return self.triggered.popleft()
        self._unfreeze(controlling)
        return _best(self._in_state(PairState.WAITING), controlling)

    def succeeded(self, pair: Pair) -> None:
        """Section 7.2.5.3.3: pairs of the same foundation need not wait any more."""
        pair.state = PairState.SUCCEEDED
        for other in self._in_state(PairState.FROZEN):
            if other.foundation == pair.foundation:
                other.state = PairState.WAITING

    def settle(self, component: int) -> None:
        """Section 8.1.2: a pair was selected, so what was not begun need not be."""
        for pair in self.of_component(component):
            is_wanted = pair.nominating or pair.nominated_at is not None
            if pair.state in {PairState.FROZEN, PairState.WAITING} and not is_wanted:
                pair.state = PairState.FAILED
                if pair in self.triggered:
                    self.triggered.remove(pair)

    def has_work(self) -> bool:
        """Whether `next` would give a pair. Asked after every packet."""
        if self.triggered:
            return True
        states = [pair.state for pair in self.pairs.values()]
        return PairState.WAITING in states or (PairState.FROZEN in states and bool(self._thawable()))

    def count(self, state: PairState) -> int:
        return sum(pair.state is state for pair in self.pairs.values())

    def best_valid(self, component: int, controlling: bool) -> Pair | None:
        valid = (p for p in self.of_component(component) if p.state is PairState.SUCCEEDED)
        return _best(valid, controlling)

    def _unfreeze(self, controlling: bool) -> None:
        """One pair a foundation: the lowest component first, then the highest priority (section 6.1.2.6)."""
        thawed: set[tuple[str, str]] = set()
        for pair in sorted(self._thawable(), key=lambda p: (p.component, -p.priority(controlling))):
            if pair.foundation not in thawed:
                thawed.add(pair.foundation)
                pair.state = PairState.WAITING

    def _thawable(self) -> list[Pair]:
        """Frozen pairs of foundations on which no check is waiting or under way."""
        open_states = {PairState.WAITING, PairState.IN_PROGRESS}
        busy = {pair.foundation for pair in self.pairs.values() if pair.state in open_states}
        return [pair for pair in self._in_state(PairState.FROZEN) if pair.foundation not in busy]

    def _in_state(self, state: PairState) -> list[Pair]:
        return [pair for pair in self.pairs.values() if pair.state is state]


def _best(pairs: Iterable[Pair], controlling: bool) -> Pair | None:
    return max(pairs, key=lambda pair: pair.priority(controlling), default=None)


def _saved(pair: Pair) -> PairRecord:
    state = PairState.WAITING if pair.state is PairState.IN_PROGRESS else pair.state
    return PairRecord(
        pair.socket,
        pair.remote.save(),
        state.value,
        pair.authenticated,
        pair.nominated_at,
        pair.nomination,
        pair.nominating,
        pair.checked_at,
    )


def _resumed(record: PairRecord, local: LocalCandidate) -> Pair:
    return Pair(
        local,
        Candidate.resumed(record.remote),
        PairState(record.state),
        record.authenticated,
        record.nominated_at,
        record.nomination,
        record.nominating,
        record.checked_at,
    )
