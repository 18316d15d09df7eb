"""What goes into the agent and what comes out of it.

A *socket* is the caller's number for a local socket; the agent never opens one. A pair is named by the socket and
the remote address, which is all that the media plane needs to know of it.
"""

from dataclasses import dataclass

from talkpath.base.address import Address
from talkpath.ice.candidate import Candidate


@dataclass(frozen=True, slots=True)
class LocalSocket:
    """One socket we may use. `address` is what peers see: the advertised address where there is one."""

    socket: int
    component: int
    address: Address


@dataclass(frozen=True, slots=True)
class Credentials:
    """A ufrag and password of one side; they live from one restart to the next."""

    ufrag: str
    password: str

    def __repr__(self) -> str:
        return f"Credentials({self.ufrag!r}, ***)"


# Inputs.


@dataclass(frozen=True, slots=True)
class DatagramArrived:
    """A STUN message that came to one of our sockets."""

    socket: int
    remote: Address
    data: bytes


@dataclass(frozen=True, slots=True)
class RemoteDescribed:
    """The peer's description came, first, again, or with a restart (its credentials changed).

    `candidates` are values of `a=candidate`. `ended` is false where the peer said `ice-options:trickle` and may
    send more.
    """

    credentials: Credentials
    candidates: tuple[str, ...] = ()
    lite: bool = False
    ended: bool = True


@dataclass(frozen=True, slots=True)
class CandidatesTrickled:
    """More candidates of the current description (RFC 8838); `ended` is end-of-candidates."""

    candidates: tuple[str, ...]
    ended: bool = False


@dataclass(frozen=True, slots=True)
class RestartWanted:
    """We are about to offer a restart: new local credentials, while the old pairs carry media."""


@dataclass(frozen=True, slots=True)
class RestartCancelled:
    """The peer refused our offer; what was before goes on."""


@dataclass(frozen=True, slots=True)
class ComponentClosed:
    """RTCP is multiplexed with RTP after all (RFC 5761): component 2 is not needed."""

    component: int


@dataclass(frozen=True, slots=True)
class ComponentOpened:
    """RTCP gets a component of its own again, on this socket."""

    socket: LocalSocket


@dataclass(frozen=True, slots=True)
class SocketsRenamed:
    """The peer went where our sockets are known by another address: its next description is answered with that."""

    host: str


AgentInput = (
    DatagramArrived
    | RemoteDescribed
    | CandidatesTrickled
    | RestartWanted
    | RestartCancelled
    | ComponentClosed
    | ComponentOpened
    | SocketsRenamed
)


# Outputs. All but SendDatagram are moments of the call as well.


@dataclass(frozen=True, slots=True)
class SendDatagram:
    socket: int
    remote: Address
    data: bytes


@dataclass(frozen=True, slots=True)
class CandidateLearnt:
    """A peer-reflexive candidate: the remote's, or our own as the remote sees it."""

    socket: int
    candidate: Candidate
    local: bool


@dataclass(frozen=True, slots=True)
class CandidateIgnored:
    line: str
    reason: str


@dataclass(frozen=True, slots=True)
class CheckSent:
    """A check of ours went out (its retransmissions are not told)."""

    socket: int
    remote: Address
    nominating: bool


@dataclass(frozen=True, slots=True)
class CheckReceived:
    """The first authenticated check on this pair, or the first that nominates it. We answered it."""

    socket: int
    remote: Address
    nominating: bool


@dataclass(frozen=True, slots=True)
class CheckAnswered:
    """The peer answered our check."""

    socket: int
    remote: Address
    round_trip_s: float


@dataclass(frozen=True, slots=True)
class CheckFailed:
    """No answer, or a refusal: `reason` is timeout, asymmetric, or the STUN error code."""

    socket: int
    remote: Address
    reason: str


@dataclass(frozen=True, slots=True)
class PairAuthenticated:
    """From now on media from this address at this socket may be believed."""

    socket: int
    remote: Address


@dataclass(frozen=True, slots=True)
class PairNominated:
    """Media of this component goes this way now."""

    socket: int
    remote: Address
    component: int


@dataclass(frozen=True, slots=True)
class PairRetired:
    """A pair from before a restart is no longer approved."""

    socket: int
    remote: Address


@dataclass(frozen=True, slots=True)
class ConsentLost:
    """The peer did not confirm for 30 s that it wants our packets (RFC 7675). Sending there must stop."""

    socket: int
    remote: Address
    component: int


@dataclass(frozen=True, slots=True)
class RoleChanged:
    """A role conflict was decided (RFC 8445 section 7.3.1.1)."""

    controlling: bool


@dataclass(frozen=True, slots=True)
class Failed:
    """No pair of this component works. `reason`: all-failed (every check), or timeout. A later check may heal it."""

    component: int
    reason: str


AgentOutput = (
    SendDatagram
    | CandidateLearnt
    | CandidateIgnored
    | CheckSent
    | CheckReceived
    | CheckAnswered
    | CheckFailed
    | PairAuthenticated
    | PairNominated
    | PairRetired
    | ConsentLost
    | RoleChanged
    | Failed
)
