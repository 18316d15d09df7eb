"""An ICE agent as data: what another process needs to answer and ask under the same credentials.

Checks that are under way are not of it: they are made again. Consent begins anew with who goes on, for the answers of
the last half minute were given to somebody else (RFC 7675 section 5.1).
"""

import msgspec

from talkpath.base.address import Address


class CandidateRecord(msgspec.Struct, frozen=True, omit_defaults=True):
    """`Candidate`; what a peer wrote is as bytes."""

    foundation: bytes
    component: int
    priority: int
    address: Address
    type: str
    related: Address | None = None


class SocketRecord(msgspec.Struct, frozen=True, omit_defaults=True):
    """`LocalCandidate`: a socket of ours, and the candidate by which it is known."""

    socket: int
    component: int
    address: Address
    candidate: CandidateRecord


class PairRecord(msgspec.Struct, frozen=True, omit_defaults=True):
    """`Pair`."""

    socket: int
    remote: CandidateRecord
    state: str
    authenticated: bool = False
    nominated_at: float | None = None
    nomination: int = 0
    nominating: bool = False
    checked_at: float | None = None


class GenerationRecord(msgspec.Struct, frozen=True, omit_defaults=True):
    """`Generation`. Pairs are named by their place; `selected` says of each component its pair, and whether the peer
    is known to repeat its checks there. `triggered` are those that wait to be checked, in order."""

    ours: tuple[str, str]
    sockets: tuple[SocketRecord, ...]
    components: tuple[int, ...]
    theirs: tuple[bytes, bytes] | None = None
    remotes: tuple[CandidateRecord, ...] = ()
    pairs: tuple[PairRecord, ...] = ()
    selected: tuple[tuple[int, int, bool], ...] = ()
    triggered: tuple[int, ...] = ()
    learnt: int = 0
    valid_since: dict[int, float] = {}
    failed: tuple[int, ...] = ()
    fails_at: float | None = None


class AgentRecord(msgspec.Struct, frozen=True, omit_defaults=True):
    """`IceAgent`. `lite` is what our description says, `is_lite` what we are beside a peer that may be lite too."""

    sockets: tuple[SocketRecord, ...]
    lite: bool
    is_offerer: bool
    is_lite: bool
    is_controlling: bool
    tiebreaker: int
    current: GenerationRecord
    previous: GenerationRecord | None = None
    counters: dict[str, int] = {}
