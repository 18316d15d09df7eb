"""The ICE agent, full and lite (RFC 8445, RFC 8838, RFC 7675), as a machine.

The agent decides whether a STUN message is to be believed and which generation it belongs to; a restart makes a new
generation while the old one keeps its pairs until the new one is complete. What fails any test here has no effect but
a counter: no answer, so nobody can reflect packets off us, and no state.
"""

import base64
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import assert_never

from talkpath.base.address import Address
from talkpath.base.limits import ICE_PEER_CHECKS_PER_S, ICE_STRANGER_CHECKS_PER_S
from talkpath.base.timers import earliest
from talkpath.ice import stun
from talkpath.ice.candidate import Candidate, host_candidate
from talkpath.ice.checklist import LocalCandidate
from talkpath.ice.events import (
    AgentInput,
    AgentOutput,
    CandidatesTrickled,
    ComponentClosed,
    ComponentOpened,
    Credentials,
    DatagramArrived,
    LocalSocket,
    PairRetired,
    RemoteDescribed,
    RestartCancelled,
    RestartWanted,
    SendDatagram,
    SocketsRenamed,
)
from talkpath.ice.generation import ROLE_CONFLICT, Generation, Role, Said
from talkpath.ice.record import AgentRecord
from talkpath.ice.stun import Attr, Kind, Stun, StunMalformed
from talkpath.ice.throttle import Throttle

_REASONS = {400: "Bad Request", 420: "Unknown Attribute", ROLE_CONFLICT: "Role Conflict"}


class IceAgent:
    """One agent for one media transport (a bundle, or a media section with RTP and perhaps RTCP).

    `sockets` are in the order in which we like them. `controlling` is whether we made the offer. `entropy(n)` gives n
    random bytes. A lite agent is for sockets that the peer can reach directly.
    """

    def __init__(
        self,
        sockets: Sequence[LocalSocket],
        *,
        lite: bool,
        controlling: bool,
        entropy: Callable[[int], bytes],
    ) -> None:
        # Both components of a host have its foundation and preference (RFC 8445 sections 5.1.1.3 and 5.1.2.1).
        hosts = list(dict.fromkeys(socket.address.host for socket in sockets))
        self._local = tuple(
            LocalCandidate(s, host_candidate(s.address, s.component, 65535 - hosts.index(s.address.host)))
            for s in sockets
        )
        self._entropy = entropy
        self._lite, self._is_offerer = lite, controlling
        self._role = Role(lite, controlling and not lite, int.from_bytes(entropy(8), "big"))
        self._said = Said()
        self._emit: Callable[[AgentOutput], None] = self._said.emit
        self._count: Callable[[str], None] = self._said.count
        self._strangers = Throttle(ICE_STRANGER_CHECKS_PER_S)
        self._peers: dict[tuple[int, Address], Throttle] = {}
        self._current = self._generation()
        self._previous: Generation | None = None
        self.counters = self._said.counters

    def save(self) -> AgentRecord:
        """As data."""
        role, previous = self._role, self._previous
        return AgentRecord(
            tuple([local.save() for local in self._local]),
            self._lite,
            self._is_offerer,
            role.lite,
            role.controlling,
            role.tiebreaker,
            self._current.save(),
            None if previous is None else previous.save(),
            dict(self.counters),
        )

    @classmethod
    def resumed(cls, record: AgentRecord, entropy: Callable[[int], bytes], now: float) -> "IceAgent":
        """The same again, as somebody who has asked for no consent yet."""
        made = cls((), lite=record.lite, controlling=record.is_offerer, entropy=entropy)
        made._local = tuple(LocalCandidate.resumed(one) for one in record.sockets)
        made._role = Role(record.is_lite, record.is_controlling, record.tiebreaker)
        made._current = made._generation()
        made._current.resume(record.current, now)
        if record.previous is not None:
            made._previous = made._generation()
            made._previous.resume(record.previous, now)
        for generation in made._generations():
            made._peers.update((key, Throttle(ICE_PEER_CHECKS_PER_S)) for key in generation.checked)
        made.counters.update(record.counters)
        return made

    def another(self, sockets: Sequence[LocalSocket]) -> "IceAgent":
        """For somebody else who answers the description that names our credentials (RFC 3261 section 12.1.2)."""
        made = IceAgent(sockets, lite=self._lite, controlling=self._is_offerer, entropy=self._entropy)
        made._current = made._generation(self._current.credentials)
        return made

    @property
    def is_lite(self) -> bool:
        """What our description says (`a=ice-lite`)."""
        return self._lite

    @property
    def is_controlling(self) -> bool:
        return self._role.controlling

    @property
    def credentials(self) -> Credentials:
        """What our next description says."""
        return self._current.credentials

    @property
    def candidates(self) -> tuple[Candidate, ...]:
        """Our candidates, for the description."""
        return tuple(local.candidate for local in self._local)

    @property
    def selected(self) -> dict[int, tuple[int, Address]]:
        """component -> (socket, remote) where media goes now."""
        older = self._previous.selected if self._previous is not None else {}
        return {component: pair.key for component, pair in (older | self._current.selected).items()}

    def receive(self, event: AgentInput, now: float) -> None:
        """Take one input; never raises for what the peer did."""
        match event:
            case DatagramArrived():
                self._datagram(event, now)
            case RemoteDescribed():
                self._described(event, now)
            case CandidatesTrickled(candidates):
                if (remote := self._current.remote) is not None:
                    self._current.describe(remote, candidates, now)
            case RestartWanted():
                self._restart()
            case RestartCancelled():
                if self._previous is not None and self._current.remote is None:
                    self._current, self._previous = self._previous, None
            case ComponentClosed(component):
                self._local = tuple(c for c in self._local if c.socket.component != component)
                for generation in self._generations():
                    generation.close_component(component)
            case ComponentOpened(socket):
                opened = LocalCandidate(socket, host_candidate(socket.address, socket.component, 65535))
                self._local = (*self._local, opened)
                self._current.open_component(opened, now)
            case SocketsRenamed(host):
                self._local = tuple(_renamed(local, host) for local in self._local)
            case _:
                assert_never(event)
        self._retire()

    def deadline(self) -> float | None:
        """When `expire` wants to be called next, or None."""
        return earliest([one.deadline() for one in self._generations()])

    def expire(self, now: float) -> None:
        """Let every timer that is due fire."""
        for generation in self._generations():
            generation.expire(now)
        self._retire()

    def drain(self) -> list[AgentOutput]:
        """What is to be sent and told since the last drain, in order."""
        outputs, self._said.outputs = self._said.outputs, []
        return outputs

    # Descriptions and restarts.

    def _described(self, event: RemoteDescribed, now: float) -> None:
        if self._current.remote not in {None, event.credentials}:
            self._restart()
        if event.lite:
            # RFC 8445 section 6.1.1: the full agent controls. Two lite agents would never check: we do it then.
            self._role.lite, self._role.controlling = False, True
        self._current.describe(event.credentials, event.candidates, now)

    def _restart(self) -> None:
        if self._current.remote is None:
            return
        if self._previous is None or self._current.is_complete:
            self._previous = self._current
        self._current = self._generation()

    def _generation(self, credentials: Credentials | None = None) -> Generation:
        credentials = credentials or Credentials(self._token(6), self._token(18))
        return Generation(credentials, self._local, self._role, self._entropy, emit=self._emit, count=self._count)

    def _token(self, size: int) -> str:
        """ice-chars (RFC 8839 section 5.4): base64's alphabet is exactly theirs."""
        return base64.b64encode(self._entropy(size)).decode()

    def _generations(self) -> list[Generation]:
        return [self._current] if self._previous is None else [self._current, self._previous]

    def _retire(self) -> None:
        """The old pairs go when the new generation has selected its own."""
        if self._previous is None or not self._current.is_complete:
            return
        kept = self._current.checklist.pairs
        for key, pair in self._previous.checklist.pairs.items():
            if pair.authenticated and not (key in kept and kept[key].authenticated):
                self._peers.pop(key, None)
                self._emit(PairRetired(*key))
        self._previous = None

    # STUN.

    def _datagram(self, event: DatagramArrived, now: float) -> None:
        try:
            message = Stun.parse(event.data)
        except StunMalformed:
            return self._count("malformed")
        if message.method != stun.BINDING or message.kind is Kind.INDICATION:
            # Keepalives (RFC 8445 section 11) need no answer and prove nothing.
            return self._count("indication")
        if message.kind is Kind.REQUEST:
            return self._request(message, event, now)
        for generation in self._generations():
            if generation.response(message, event.socket, event.remote, now):
                return None
        return self._count("unexpected")

    def _request(self, message: Stun, event: DatagramArrived, now: float) -> None:
        ours, _, theirs = (message.username or "").partition(":")
        generation = next((g for g in self._generations() if g.credentials.ufrag == ours), None)
        if generation is None:
            return self._count("foreign")
        if generation.remote is not None and generation.remote.ufrag != theirs:
            return self._count("foreign")
        key = event.socket, event.remote
        if not self._peers.get(key, self._strangers).admit(now):
            return self._count("throttled")
        if not message.is_authentic(generation.credentials.password.encode()):
            return self._count("unauthentic")
        if (code := self._objection(message, generation)) is not None:
            return self._refuse(message, event, generation, code)
        self._count("answered")
        generation.request(message, event.socket, event.remote, now)
        if key not in self._peers and generation.checklist.find(*key) is not None:
            self._peers[key] = Throttle(ICE_PEER_CHECKS_PER_S)
        return None

    def _objection(self, message: Stun, generation: Generation) -> int | None:
        """The STUN error that an authentic check deserves, if any. May change our role."""
        if message.unknown:
            return 420
        if message.first(Attr.PRIORITY) is None:
            return 400
        theirs = message.integer(Attr.ICE_CONTROLLING if self._role.controlling else Attr.ICE_CONTROLLED)
        if theirs is None:
            return None
        # RFC 8445 section 7.3.1.1: the larger tie-breaker controls. A lite agent never does.
        keeps = (self._role.tiebreaker >= theirs) == self._role.controlling
        if keeps or self._role.lite:
            return ROLE_CONFLICT
        generation.switch_role(not self._role.controlling)
        return None

    def _refuse(self, message: Stun, event: DatagramArrived, generation: Generation, code: int) -> None:
        self._count(f"refused-{code}")
        attributes: list[tuple[int, bytes]] = [(Attr.ERROR_CODE, stun.packed_error(code, _REASONS[code]))]
        if code == 420:
            attributes.append((Attr.UNKNOWN_ATTRIBUTES, stun.packed_unknown(message.unknown)))
        key = generation.credentials.password.encode()
        data = stun.write(Kind.ERROR, message.transaction, attributes, key)
        self._emit(SendDatagram(event.socket, event.remote, data))


def _renamed(local: LocalCandidate, host: str) -> LocalCandidate:
    """The same socket, known by another address."""
    socket = replace(local.socket, address=Address(host, local.socket.address.port))
    candidate = host_candidate(socket.address, socket.component, int(local.candidate.foundation))
    return LocalCandidate(socket, candidate)
