"""ICE between two restarts: one set of credentials, one checklist, its checks, its selected pairs.

What follows is RFC 8445 section 7.2 (our checks), 7.3 (the peer's checks) and 8 (nomination). A lite generation sends
nothing of its own: a pair is valid as soon as the peer's check on it authenticated.

    FROZEN --unfrozen--> WAITING --check sent--> IN_PROGRESS --answered--> SUCCEEDED --nominated--> selected
                            ^                        |
                            +------ triggered -------+--no answer--> FAILED (a check of the peer brings it back)
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from talkpath.base.address import Address
from talkpath.base.limits import ICE_PEER_REFLEXIVE, ICE_REMOTE_CANDIDATES
from talkpath.base.octets import raw, text
from talkpath.base.timers import earliest
from talkpath.ice import stun
from talkpath.ice.candidate import (
    Candidate,
    CandidateType,
    Unusable,
    peer_reflexive,
    peer_reflexive_priority,
    read_candidate,
)
from talkpath.ice.checklist import Checklist, LocalCandidate, Pair, PairState
from talkpath.ice.consent import LIFETIME_S, Consent
from talkpath.ice.events import (
    AgentOutput,
    CandidateIgnored,
    CandidateLearnt,
    CheckAnswered,
    CheckFailed,
    CheckReceived,
    CheckSent,
    ConsentLost,
    Credentials,
    Failed,
    PairAuthenticated,
    PairNominated,
    RoleChanged,
    SendDatagram,
)
from talkpath.ice.record import GenerationRecord
from talkpath.ice.stun import Attr, Kind, Stun

# Between two checks of ours (RFC 8445 section 14.2: Ta).
PACE_S = 0.05
# The first retransmission (section 14.3), doubled each time: sends at 0, 0.5, 1.5, 3.5, 7.5 s ...
RTO_S = 0.5
SENDS = 7
LAST_WAIT_S = 16 * RTO_S
# How long a controlling agent hopes for a better pair than the first valid one.
NOMINATION_WAIT_S = 0.5
# An aggressive peer nominates all its pairs within its first checks; a nomination later than this moves media.
SETTLED_S = 1.0
# RFC 8863: nobody may call ICE failed earlier.
PATIENCE_S = 39.5

ROLE_CONFLICT = 487


@dataclass(slots=True)
class Role:
    """Who nominates. Shared by the generations of an agent; a conflict changes it."""

    lite: bool
    controlling: bool
    tiebreaker: int


@dataclass(slots=True)
class _Check:
    """A transaction of ours. `abandoned`: no more retransmissions, but its answer is welcome."""

    pair: Pair
    data: bytes
    sent_at: float
    due_at: float
    nominating: bool
    controlling: bool
    is_consent: bool = False
    sends: int = 1
    abandoned: bool = False


class Said:
    """What an agent and its generations have to send and tell, and how often they dropped what. Theirs in common, so
    that none of them knows the agent: who knows each other is gone only when the collector of cycles comes."""

    __slots__ = ("counters", "outputs")

    def __init__(self) -> None:
        self.counters: Counter[str] = Counter()
        self.outputs: list[AgentOutput] = []

    def emit(self, output: AgentOutput) -> None:
        self.outputs.append(output)

    def count(self, name: str) -> None:
        self.counters[name] += 1


class Generation:
    """See the module. `emit` takes outputs, `count` names what was dropped, `entropy` gives random bytes."""

    def __init__(
        self,
        credentials: Credentials,
        local: tuple[LocalCandidate, ...],
        role: Role,
        entropy: Callable[[int], bytes],
        *,
        emit: Callable[[AgentOutput], None],
        count: Callable[[str], None],
    ) -> None:
        self.credentials = credentials
        self.remote: Credentials | None = None
        self.checklist = Checklist()
        self.selected: dict[int, Pair] = {}
        self._local = {candidate.socket.socket: candidate for candidate in local}
        self._components = {candidate.socket.component for candidate in local}
        self._remotes: list[Candidate] = []
        self._learnt = 0
        self._role = role
        self._entropy = entropy
        self._emit = emit
        self._count = count
        self._checks: dict[bytes, _Check] = {}
        self._consents: dict[int, Consent] = {}
        self._next_check_at = 0.0
        self._valid_since: dict[int, float] = {}
        self._fails_at: float | None = None
        self._failed: set[int] = set()

    def save(self) -> GenerationRecord:
        """As data. A check that nominates is made again."""
        pairs = list(self.checklist.pairs.values())
        places = {pair.key: at for at, pair in enumerate(pairs)}
        begun = [check.pair for check in self._checks.values() if check.nominating and check.pair.nominating]
        theirs = self.remote
        return GenerationRecord(
            (self.credentials.ufrag, self.credentials.password),
            tuple([local.save() for local in self._local.values()]),
            tuple(self._components),
            None if theirs is None else (raw(theirs.ufrag), raw(theirs.password)),
            tuple([candidate.save() for candidate in self._remotes]),
            self.checklist.save(),
            tuple([(one, places[pair.key], self._consents[one].repeated) for one, pair in self.selected.items()]),
            tuple(dict.fromkeys(places[pair.key] for pair in (*self.checklist.triggered, *begun))),
            self._learnt,
            dict(self._valid_since),
            tuple(self._failed),
            self._fails_at,
        )

    def resume(self, record: GenerationRecord, now: float) -> None:
        """Be what was saved; the consent of who goes on begins now."""
        self.credentials = Credentials(*record.ours)
        local = [LocalCandidate.resumed(one) for one in record.sockets]
        self._local = {one.socket.socket: one for one in local}
        self._components = set(record.components)
        if record.theirs is not None:
            self.remote = Credentials(text(record.theirs[0]), text(record.theirs[1]))
        self._remotes = [Candidate.resumed(one) for one in record.remotes]
        pairs = self.checklist.resume(record.pairs, self._local)
        for component, at, repeated in record.selected:
            self.selected[component] = pairs[at]
            consent = self._consents[component] = Consent(pairs[at], now, self._jitter())
            consent.repeated = repeated
        self.checklist.triggered.extend(pairs[at] for at in record.triggered)
        self._learnt, self._fails_at = record.learnt, record.fails_at
        self._valid_since, self._failed = dict(record.valid_since), set(record.failed)

    @property
    def checked(self) -> list[tuple[int, Address]]:
        """The pairs on which authentic checks came."""
        return [key for key, pair in self.checklist.pairs.items() if pair.checked_at is not None]

    @property
    def is_complete(self) -> bool:
        """Every component has its selected pair."""
        return self._components <= self.selected.keys()

    def describe(self, remote: Credentials, lines: tuple[str, ...], now: float) -> None:
        """The peer's credentials, once, and its candidates, then or later."""
        if self.remote is None:
            self.remote = remote
            self._fails_at = now + PATIENCE_S
        for line in lines:
            self._signalled(line)
        self._pace(now)

    def close_component(self, component: int) -> None:
        """RTCP goes with RTP after all (RFC 5761): its own component is not needed."""
        self._components.discard(component)
        self._local = {n: c for n, c in self._local.items() if c.socket.component != component}
        for pair in list(self.checklist.of_component(component)):
            del self.checklist.pairs[pair.key]
            self._forget(pair)
        self.selected.pop(component, None)
        self._consents.pop(component, None)

    def open_component(self, local: LocalCandidate, now: float) -> None:
        """RTCP leaves the port of RTP; the peer's candidates for it come next."""
        self._components.add(local.socket.component)
        self._local[local.socket.socket] = local
        self._failed.discard(local.socket.component)
        self._fails_at = now + PATIENCE_S

    # The peer's checks.

    def request(self, message: Stun, socket: int, remote: Address, now: float) -> None:
        """A check with the right password and nothing wrong (RFC 8445 section 7.3.1)."""
        pair = self.checklist.find(socket, remote) or self._learn(message, socket, remote)
        if pair is None:
            self._count("peer-reflexive-refused")
            return
        self._answer(message, pair)
        self._authenticate(pair)
        number = message.integer(Attr.NOMINATION) or 0
        nominating = message.first(Attr.USE_CANDIDATE) is not None or number > 0
        if pair.checked_at is None or (nominating and pair.nominated_at is None):
            self._emit(CheckReceived(socket, remote, nominating))
        pair.checked_at = now
        if self._role.lite:
            self._valid(pair, now)
        elif pair.state is not PairState.SUCCEEDED:
            self._trigger(pair)
        if nominating and not self._role.controlling:
            self._nominated(pair, number, now)
        self._confirm_lite(pair, now)
        self._pace(now)

    def _answer(self, message: Stun, pair: Pair) -> None:
        mapped = stun.packed_xor_address(pair.remote.address, message.transaction)
        key = self.credentials.password.encode()
        data = stun.write(Kind.SUCCESS, message.transaction, [(Attr.XOR_MAPPED_ADDRESS, mapped)], key)
        self._emit(SendDatagram(pair.socket, pair.remote.address, data))

    def _learn(self, message: Stun, socket: int, remote: Address) -> Pair | None:
        """Section 7.3.1.3: the check came from an address that nobody signalled; or to a lite agent, which makes no
        pairs before."""
        local = self._local.get(socket)
        if local is None or self._learnt >= ICE_PEER_REFLEXIVE:
            return None
        named = next((one for one in self._remotes if one.address == remote), None)
        candidate = named or Candidate(
            foundation=f"p{self._learnt}",
            component=local.socket.component,
            priority=(message.integer(Attr.PRIORITY) or 0) & 0x7FFFFFFF,
            address=remote,
            type=CandidateType.PEER_REFLEXIVE,
        )
        pair = self.checklist.add(local, candidate)
        if pair is not None and named is None:
            self._learnt += 1
            self._emit(CandidateLearnt(socket, candidate, local=False))
        return pair

    def _trigger(self, pair: Pair) -> None:
        """Section 7.3.1.4: whatever its state, it is checked (again) now that the peer's packets pass."""
        for check in self._checks.values():
            if check.pair is pair and not check.is_consent:
                check.abandoned, check.due_at = True, check.sent_at + LAST_WAIT_S
        pair.state = PairState.WAITING
        self.checklist.trigger(pair)

    def _nominated(self, pair: Pair, number: int, now: float) -> None:
        pair.nominated_at = now
        pair.nomination = number
        if pair.state is PairState.SUCCEEDED and self._takes_over(pair, now):
            self._select(pair, now)

    def _takes_over(self, pair: Pair, now: float) -> bool:
        """The last nominated wins, but of those an aggressive peer nominates at once the best one does."""
        current = self.selected.get(pair.component)
        if current is None:
            return True
        if pair.nomination or current.nomination:
            return pair.nomination > current.nomination
        if pair.priority(self._role.controlling) > current.priority(self._role.controlling):
            return True
        return now - (current.nominated_at or 0.0) >= SETTLED_S

    def _confirm_lite(self, pair: Pair, now: float) -> None:
        """A lite agent may not check; a peer that repeats its checks shows by their absence that it is gone."""
        consent = self._consents.get(pair.component)
        if self._role.lite and consent is not None and consent.pair is pair:
            consent.confirm(now)

    # Our checks.

    def response(self, message: Stun, socket: int, remote: Address, now: float) -> bool:
        """An answer to one of our checks (section 7.2.5); False where it is not for this generation."""
        check = self._checks.get(message.transaction)
        if check is None:
            return False
        if self.remote is None or not message.is_authentic(raw(self.remote.password)):
            self._count("unauthentic")
            return True
        del self._checks[message.transaction]
        pair = check.pair
        if (socket, remote) != pair.key:
            # Section 7.2.5.2.1: the answer must come back the way the check went.
            self._fail(check, "asymmetric", now)
        elif message.kind is Kind.SUCCESS:
            self._succeed(check, message, now)
        elif message.error_code == ROLE_CONFLICT:
            self._yield_role(check)
        else:
            self._fail(check, str(message.error_code), now)
        self._nominate(now)
        self._pace(now)
        return True

    def switch_role(self, controlling: bool) -> None:
        """A role conflict was decided; without effect where the role is that already."""
        if self._role.controlling == controlling:
            return
        self._role.controlling = controlling
        for pair in self.checklist.pairs.values():
            pair.nominating = False
        self._emit(RoleChanged(controlling))

    def _yield_role(self, check: _Check) -> None:
        """Section 7.2.5.1: the peer keeps its role, so we take the other one, with a new tie-breaker."""
        if self._role.controlling == check.controlling:
            self.switch_role(not check.controlling)
            self._role.tiebreaker = int.from_bytes(self._entropy(8), "big")
        self._trigger(check.pair)

    def _succeed(self, check: _Check, message: Stun, now: float) -> None:
        pair = check.pair
        if check.is_consent:
            if (consent := self._consents.get(pair.component)) and consent.pair is pair:
                consent.confirm(now)
            return
        if pair.state is not PairState.SUCCEEDED:
            self._emit(CheckAnswered(pair.socket, pair.remote.address, now - check.sent_at))
        self._learn_local(pair, message)
        self._authenticate(pair)
        self._valid(pair, now)
        if check.nominating and self._role.controlling:
            pair.nominating = False
            self._select(pair, now)
        elif pair.nominated_at is not None and not self._role.controlling and self._takes_over(pair, now):
            self._select(pair, now)

    def _learn_local(self, pair: Pair, message: Stun) -> None:
        """Section 7.2.5.3.1: the peer sees us under an address that we did not know."""
        mapped, candidate = message.mapped_address, pair.local.candidate
        if mapped is not None and mapped != candidate.address and pair.state is not PairState.SUCCEEDED:
            learnt = peer_reflexive(candidate, mapped, f"{candidate.foundation}p")
            self._emit(CandidateLearnt(pair.socket, learnt, local=True))

    def _fail(self, check: _Check, reason: str, now: float) -> None:
        pair = check.pair
        if check.is_consent or check.abandoned:
            return
        pair.nominating = False
        if self.selected.get(pair.component) is not pair:
            pair.state = PairState.FAILED
        self._emit(CheckFailed(pair.socket, pair.remote.address, reason))
        self._nominate(now)

    def _authenticate(self, pair: Pair) -> None:
        if not pair.authenticated:
            pair.authenticated = True
            self._emit(PairAuthenticated(pair.socket, pair.remote.address))

    def _valid(self, pair: Pair, now: float) -> None:
        if pair.state is not PairState.SUCCEEDED:
            self._valid_since.setdefault(pair.component, now)
            self.checklist.succeeded(pair)

    def _select(self, pair: Pair, now: float) -> None:
        if self.selected.get(pair.component) is pair:
            return
        self.selected[pair.component] = pair
        self._consents[pair.component] = Consent(pair, now, self._jitter())
        self.checklist.settle(pair.component)
        self._emit(PairNominated(pair.socket, pair.remote.address, pair.component))

    def _nominate(self, now: float) -> None:
        """As controlling, section 8.1.1: the best valid pair, once no better one is still being checked."""
        for best in self._nominees():
            waited = now >= self._valid_since[best.component] + NOMINATION_WAIT_S
            if waited or not self._better_is_open(best):
                best.nominating = True
                self.checklist.trigger(best)

    def _nominees(self) -> list[Pair]:
        """Of each component that has no selected pair and none about to be: its best valid pair."""
        if self._role.lite or not self._role.controlling:
            return []
        nominees = [self.checklist.best_valid(c, True) for c in self._components - self.selected.keys()]
        return [best for best in nominees if best is not None and not self._is_nominating(best.component)]

    def _is_nominating(self, component: int) -> bool:
        return any(pair.nominating for pair in self.checklist.of_component(component))

    def _better_is_open(self, best: Pair) -> bool:
        open_states = {PairState.FROZEN, PairState.WAITING, PairState.IN_PROGRESS}
        return any(
            pair.state in open_states and pair.priority(True) > best.priority(True)
            for pair in self.checklist.of_component(best.component)
        )

    # Candidates.

    def _signalled(self, line: str) -> None:
        candidate = read_candidate(line)
        if isinstance(candidate, Unusable):
            return self._emit(CandidateIgnored(line, candidate.reason))
        if candidate.component not in self._components:
            return self._emit(CandidateIgnored(line, "component"))
        if any(known.address == candidate.address for known in self._remotes):
            return None
        if len(self._remotes) >= ICE_REMOTE_CANDIDATES:
            return self._emit(CandidateIgnored(line, "too-many"))
        self._remotes.append(candidate)
        for local in self._local.values():
            same_family = local.socket.address.is_ipv6 == candidate.address.is_ipv6
            if local.socket.component == candidate.component and same_family and not self._role.lite:
                self.checklist.add(local, candidate)
        return None

    # Time.

    def deadline(self) -> float | None:
        """When `expire` wants to be called next."""
        times: list[float | None] = [check.due_at for check in self._checks.values()]
        times += [consent.deadline(self._role.lite) for consent in self._consents.values()]
        if self._may_check() and self.checklist.has_work():
            times.append(self._next_check_at)
        if self._fails_at is not None:
            times.append(self._fails_at)
        times += [self._valid_since[pair.component] + NOMINATION_WAIT_S for pair in self._nominees()]
        return earliest(times)

    def expire(self, now: float) -> None:
        """Retransmit, fail, check, confirm consent, nominate: whatever is due."""
        for transaction, check in list(self._checks.items()):
            if now >= check.due_at:
                self._overdue(transaction, check, now)
        for consent in list(self._consents.values()):
            self._watch_consent(consent, now)
        self._nominate(now)
        self._pace(now)
        if self._fails_at is not None and now >= self._fails_at:
            self._fails_at = None
            self._tell_failure()

    def _overdue(self, transaction: bytes, check: _Check, now: float) -> None:
        if check.sends >= SENDS or check.abandoned or check.is_consent:
            del self._checks[transaction]
            self._fail(check, "timeout", now)
            return
        check.sends += 1
        check.due_at = now + (RTO_S * 2 ** (check.sends - 1) if check.sends < SENDS else LAST_WAIT_S)
        self._emit(SendDatagram(check.pair.socket, check.pair.remote.address, check.data))

    def _watch_consent(self, consent: Consent, now: float) -> None:
        pair = consent.pair
        if consent.is_lost(now, self._role.lite):
            del self._consents[pair.component]
            self.selected.pop(pair.component, None)
            pair.state, pair.authenticated, pair.nominated_at = PairState.FAILED, False, None
            self._forget(pair)
            self._emit(ConsentLost(pair.socket, pair.remote.address, pair.component))
        elif not self._role.lite and now >= consent.next_at:
            consent.asked(now, self._jitter())
            self._send_check(pair, now, is_consent=True)

    def _forget(self, pair: Pair) -> None:
        self._checks = {t: check for t, check in self._checks.items() if check.pair is not pair}
        if pair in self.checklist.triggered:
            self.checklist.triggered.remove(pair)

    def _pace(self, now: float) -> None:
        if not self._may_check() or now < self._next_check_at:
            return
        pair = self.checklist.next(self._role.controlling)
        if pair is not None:
            self._next_check_at = now + PACE_S
            self._send_check(pair, now)

    def _may_check(self) -> bool:
        return self.remote is not None and not self._role.lite

    def _send_check(self, pair: Pair, now: float, is_consent: bool = False) -> None:
        transaction = self._entropy(12)
        data = self._check(transaction, pair)
        busy = self.checklist.count(PairState.WAITING) + self.checklist.count(PairState.IN_PROGRESS)
        wait = LIFETIME_S if is_consent else max(RTO_S, PACE_S * busy)
        self._checks[transaction] = _Check(
            pair, data, now, now + wait, pair.nominating, self._role.controlling, is_consent
        )
        if not is_consent:
            if pair.state is not PairState.SUCCEEDED:
                pair.state = PairState.IN_PROGRESS
            self._emit(CheckSent(pair.socket, pair.remote.address, pair.nominating))
        self._emit(SendDatagram(pair.socket, pair.remote.address, data))

    def _check(self, transaction: bytes, pair: Pair) -> bytes:
        assert self.remote is not None
        username = raw(f"{self.remote.ufrag}:{self.credentials.ufrag}")
        role = Attr.ICE_CONTROLLING if self._role.controlling else Attr.ICE_CONTROLLED
        attributes: list[tuple[int, bytes]] = [
            (Attr.USERNAME, username),
            (Attr.PRIORITY, peer_reflexive_priority(pair.local.candidate).to_bytes(4, "big")),
            (role, self._role.tiebreaker.to_bytes(8, "big")),
        ]
        # A consent check on the selected pair repeats the nomination, as browsers do.
        if self._role.controlling and (pair.nominating or self.selected.get(pair.component) is pair):
            attributes.append((Attr.USE_CANDIDATE, b""))
        return stun.write(Kind.REQUEST, transaction, attributes, raw(self.remote.password))

    def _jitter(self) -> float:
        """Uniform in 0 .. 1."""
        return int.from_bytes(self._entropy(2), "big") / 65535

    def _tell_failure(self) -> None:
        for component in sorted(self._components - self.selected.keys() - self._failed):
            self._failed.add(component)
            pairs = list(self.checklist.of_component(component))
            if any(pair.state is PairState.SUCCEEDED for pair in pairs):
                reason = "unnominated"
            elif any(pair.checked_at is not None for pair in pairs):
                reason = "unanswered"
            else:
                reason = "unheard"
            self._emit(Failed(component, reason))
