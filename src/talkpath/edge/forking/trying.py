"""Carries out a plan on a fork: rings its groups one after another, finds where names lead, and goes on to the next
address or the next group when one leads nowhere (RFC 3261 section 16.6, RFC 3263 section 4.3).
"""

from contextlib import suppress
from functools import partial

from talkpath.base import limits
from talkpath.base.address import Flow, Hop, Located, Target
from talkpath.base.errors import Malformed
from talkpath.edge.admission.admission import Admission
from talkpath.edge.calls.call import Party
from talkpath.edge.core import Core
from talkpath.edge.forking.asking import Asking
from talkpath.edge.forking.branch import ADDRESS_FAILED, FLOW_FAILED, Branch
from talkpath.edge.forking.fork import Fork, rank
from talkpath.edge.forwarding.arrival import Arrival
from talkpath.edge.forwarding.sending import Sending
from talkpath.edge.gateways.choice import Choice
from talkpath.edge.gateways.trunks import Trunks
from talkpath.edge.nodes.nodes import Elsewhere, bound_to
from talkpath.edge.places.names import why_nowhere
from talkpath.edge.places.outages import Outages
from talkpath.edge.places.seeking import seek
from talkpath.edge.registrar.binding import Binding
from talkpath.edge.registrar.phones import flows_of_phones, in_turns
from talkpath.edge.routing.choosing import SERVICES
from talkpath.edge.routing.heading import Heading, Refusal
from talkpath.edge.routing.plan import Group, Plan, ToGateways, ToPhone, ToPlace, ToService, ToUser, Way
from talkpath.edge.routing.routing import hop_to
from talkpath.edge.routing.services import Services
from talkpath.media.service import Service
from talkpath.sip.grammar import NameAddr
from talkpath.sip.message import Message
from talkpath.sip.uri import Uri, without_headers

# After how long another flow of a phone has its turn. 100 is due after 0.2 s (RFC 3261 section 17.2.1); meanwhile a
# request that was lost has been sent three times. A server is nearer than a phone.
_FLOW_SILENCE_S = 2.0
_ADDRESS_SILENCE_S = 1.5


class Attempt:
    """A plan under way on a fork."""

    __slots__ = ("before", "choice", "fork", "group", "heading", "like", "pending", "plan", "way")

    def __init__(self, fork: Fork, heading: Heading, plan: Plan) -> None:
        self.fork = fork
        self.heading = heading
        self.plan = plan
        self.group: Group | None = None
        #: how many branches of the fork are of groups before this one
        self.before = 0
        #: what a group of the plan became when its turn came
        self.pending: list[Group] = []
        #: the gateways that are left, and the group of the plan that named them
        self.choice: Choice | None = None
        self.way: ToGateways | None = None
        self.like: Group | None = None

    @property
    def follows(self) -> int:
        """How often a redirection of who is tried now may be followed."""
        return self.group.follows if self.group is not None else 0


class Trying:
    """See the module's docstring."""

    def __init__(
        self,
        core: Core,
        admission: Admission,
        sending: Sending,
        asking: Asking,
        services: Services,
        trunks: Trunks,
    ) -> None:
        self._core = core
        self._admission = admission
        self._sending = sending
        self._asking = asking
        self._services = services
        self._trunks = trunks
        self._outages = Outages()

    def start(self, fork: Fork, heading: Heading, plan: Plan, now: float) -> None:
        """Carry a plan out. Raises Refusal where nobody can be tried at all."""
        if fork.call is not None and plan.changes is not None and plan.changes.record:
            fork.call.is_to_be_recorded, fork.call.announcement = True, plan.changes.announcement
        refusal = self._next_group(Attempt(fork, heading, plan), now)
        if refusal is not None:
            raise refusal

    # --- groups

    def _next_group(self, attempt: Attempt, now: float) -> Refusal | None:
        """Try the next group in which anybody can be; why not where there is none."""
        refusal: Refusal | None = None
        fork = attempt.fork
        while True:
            try:
                group = self._following(attempt, now)
            except Refusal as refused:
                refusal = refused
                continue
            if group is None:
                return Refusal(480) if refusal is None else refusal
            attempt.group, attempt.before = group, len(fork.branches)
            is_tried = False
            for way in group.ways:
                try:
                    is_tried = self._begin(attempt, way, now) or is_tried
                except Refusal as refused:
                    # What can not be asked of one is no reason for the others not to ring.
                    refusal = refused
            if is_tried:
                fork.then(group.wait_s, now, partial(self._go_on, attempt))
                return None

    def _following(self, attempt: Attempt, now: float) -> Group | None:
        """The group whose turn it is, None when all had theirs. Raises Refusal for one that names nobody."""
        while True:
            if attempt.pending:
                return attempt.pending.pop(0)
            if attempt.choice is not None and attempt.way is not None and attempt.like is not None:
                picked = self._trunks.next(attempt.fork, attempt.choice, now)
                if picked is None:
                    attempt.choice = None
                    raise Refusal(500, "No gateway is left")
                return self._trunks.group_of(attempt.fork, attempt.choice, picked, attempt.way, attempt.like)
            group = attempt.plan.next()
            if group is None:
                return None
            self._expand(attempt, group, now)

    def _expand(self, attempt: Attempt, group: Group, now: float) -> None:
        """Find out who it is that a group names. Raises Refusal where that is nobody."""
        first = group.ways[0] if len(group.ways) == 1 else None
        if isinstance(first, ToGateways) and not first.at_once:
            attempt.choice, attempt.way, attempt.like = self._trunks.choose(attempt.fork, first, now), first, group
            return
        phones: list[list[Binding]] = []
        others: list[Way] = []
        for way in group.ways:
            if isinstance(way, ToUser):
                phones += self._phones_of(attempt.fork, way.user, now)
            elif isinstance(way, ToGateways):
                others += self._gateways_of(attempt, way, group, now)
            elif isinstance(way, ToPlace) and is_at_home(self._core, attempt.fork.arrival, way):
                phones += self._at_home(attempt.fork, way.heading.target, others, now)
            else:
                others.append(way)
        ringing = [[ToPhone(flows) for flows in turn] for turn in in_turns(phones)]
        if not ringing and not others:
            raise Refusal(480)
        wait_s = self._core.settings.group_ring_s
        for ways in ringing[:-1]:
            attempt.pending.append(Group([*ways, *others], wait_s, group.no_word_s, follows=group.follows))
            others = []
        last = ringing[-1] if ringing else []
        attempt.pending.append(Group([*last, *others], group.wait_s, group.no_word_s, group.leads_on, group.follows))

    def _gateways_of(self, attempt: Attempt, way: ToGateways, group: Group, now: float) -> list[Way]:
        """Gateways that are tried at once: all of their group, or the first beside others that ring."""
        fork, choice, ways = attempt.fork, self._trunks.choose(attempt.fork, way, now), list[Way]()
        while (picked := self._trunks.next(fork, choice, now)) is not None:
            ways += self._trunks.group_of(fork, choice, picked, way, group).ways
            if not way.at_once:
                break
        return ways

    def _at_home(self, fork: Fork, uri: Uri, others: list[Way], now: float) -> list[list[Binding]]:
        """Whom a URI names that leads back here: the phones of a user, or a service, which joins the `others`. Asking
        ourselves as a stranger would, by sending the request, would end in a loop."""
        self._core.note(fork.request.call_id, "route.is-here", now, target=str(without_headers(str(uri))))
        if uri.username in SERVICES and fork.is_initial_invite:
            others.append(ToService(Service(uri.username)))
            return []
        return self._phones_of(fork, self._core.user_of(uri), now)

    def _phones_of(self, fork: Fork, user: str, now: float) -> list[list[Binding]]:
        bindings = self._core.registrar.bindings(user, now)
        kind = "route.user" if bindings else "registration.none"
        self._core.note(fork.request.call_id, kind, now, user=user)
        return flows_of_phones(bindings)

    def _go_on(self, attempt: Attempt, now: float) -> bool:
        """A group failed, or rang long enough; whether anybody is tried after it."""
        group = attempt.group
        if group is not None and group.leads_on is not None:
            statuses = [branch.status for branch in attempt.fork.branches[attempt.before :]]
            if all(statuses) and statuses and min(statuses, key=rank) not in group.leads_on:
                return False
        return self._next_group(attempt, now) is None

    # --- one target

    def _begin(self, attempt: Attempt, way: Way, now: float) -> bool:
        """Whether a target was tried, or will be. Raises Refusal."""
        if isinstance(way, ToPhone):
            return self._ring(attempt, way.flows, 0, now)
        if isinstance(way, ToService):
            self._services.answer(attempt.fork, way.service, now)
            return True
        # Users and gateways became phones and places when the group had its turn.
        assert isinstance(way, ToPlace)
        self._count_toll(attempt.fork, way.heading, now)
        return self._seek(attempt, way, now)

    def _ring(self, attempt: Attempt, flows: list[Binding], cseq_shift: int, now: float) -> bool:
        """Ring a phone on one flow, and on the next when that fails or is silent. Raises Refusal."""
        fork, refusal = attempt.fork, None
        for number, binding in enumerate(flows, 1):
            hop = self._way_to(fork, binding, now)
            if hop is None:
                continue
            try:
                branch = self._ring_on(attempt, binding, hop, cseq_shift, now)
            except Refusal as refused:
                refusal = refused
                continue
            if flows[number:]:
                ring_next = partial(self._ring_next, attempt, flows[number:], cseq_shift)
                fork.watch(branch, _FLOW_SILENCE_S, FLOW_FAILED, now, ring_next)
            elif binding.node:
                fork.watch(branch, _FLOW_SILENCE_S, FLOW_FAILED, now, None)
            return True
        if refusal is not None:
            raise refusal
        return False

    def _ring_next(
        self, attempt: Attempt, flows: list[Binding], cseq_shift: int, now: float, was_heard: bool
    ) -> None:
        """A phone that may have read the request takes it for a new one with the next CSeq only."""
        with suppress(Refusal):
            self._ring(attempt, flows, cseq_shift + (was_heard and attempt.fork.is_invite), now)

    def _way_to(self, fork: Fork, binding: Binding, now: float) -> Hop | None:
        """The hop by which a contact can be rung now."""
        gone = self._core.keep_alive.gone
        if gone and binding.flow in gone:
            self._not_reached(fork, "flow.unanswering", binding.flow, now)
            return None
        hop = hop_to(self._core, binding)
        if hop is not None and fork.request.uri.startswith("sips:") and not hop.transport.is_secure:
            # RFC 5630 section 5.3: what was asked for over TLS goes to no phone in clear.
            return None
        if hop is None and binding.node:
            core = self._core
            core.note(
                fork.request.call_id, "cluster.node-gone", now, node=binding.node, remote=str(binding.flow.remote)
            )
        elif hop is None:
            self._not_reached(fork, "flow.not-rung", binding.flow, now)
        return hop

    def _ring_on(self, attempt: Attempt, binding: Binding, hop: Hop, cseq_shift: int, now: float) -> Branch:
        """Ring one contact. Raises Refusal."""
        fork, heading = attempt.fork, attempt.heading
        onward = Heading(without_headers(binding.contact), heading.routes, bool(heading.changed or binding.path))
        onward.changes = attempt.plan.changes
        onward.follows = attempt.follows
        onward.is_phone, onward.is_open = True, not (binding.behind_nat or binding.path)
        party = self._callee(fork, hop, binding)
        if party is not None:
            party.cseq_shift = cseq_shift
        core, call_id = self._core, fork.request.call_id
        core.note(call_id, "fork.branch-added", now, target=binding.contact, flow=_described(hop))
        path = binding.path
        if binding.node and isinstance(hop, Target) and hop == core.world.nodes.way_to(binding.node):
            core.note(call_id, "cluster.rung-through", now, node=binding.node, remote=str(binding.flow.remote))
            phone = Elsewhere(binding.node, binding.user, binding.identity, binding.flow)
            path = (core.passes.to_phone(bound_to(fork.request, cseq_shift), phone, hop),)
        return self._sending.send(fork, hop, onward, party, now, path)

    def _not_reached(self, fork: Fork, kind: str, flow: Flow, now: float) -> None:
        remote, transport = str(flow.remote), str(flow.transport)
        self._core.note(fork.request.call_id, kind, now, remote=remote, transport=transport)

    def _callee(self, fork: Fork, hop: Hop, binding: Binding | None) -> Party | None:
        if fork.call is None:
            return None
        party = fork.call.add_callee(hop, binding.behind_nat if binding else False)
        if binding is not None and binding.node:
            party.at, party.node = binding.flow, binding.node
        if binding is not None:
            party.user, party.identity, party.ice = binding.user, binding.identity, binding.ice
            party.agent = binding.user_agent
        self._asking.choose(fork.call, party)
        return party

    # --- where URIs lead

    def _count_toll(self, fork: Fork, heading: Heading, now: float) -> None:
        """What leaves the house counts for the account that sends it. Raises Refusal."""
        core, user, request, toll = self._core, fork.arrival.proven, fork.request, self._core.guard.toll
        if not user or (fork.call is not None and toll.is_counted(fork.call)):
            return
        if fork.is_invite and fork.call is None:
            # What comes back to us on a second way has no credentials left, so this is a second call in the name of
            # the first, which nobody would count (RFC 3261 section 8.2.2.2).
            raise Refusal(482)
        uri = heading.billed or heading.target
        over = toll.refusal(user, uri, fork.arrival.flow.remote.host, now, is_call=fork.is_invite)
        if over is not None:
            core.note(request.call_id, over.kind, now, user=user, limit=over.limit)
            raise Refusal(403, "Call limit reached" if fork.is_invite else "Request limit reached")
        if fork.call is not None and fork.is_invite:
            toll.begun(user, uri, fork.call, now)
        else:
            toll.asked(user, uri, now)

    def _seek(self, attempt: Attempt, way: ToPlace, now: float) -> bool:
        """Ask where a URI leads; it is tried when the answer comes, which may be at once. Raises Refusal."""
        uri = way.heading.place or way.heading.next_uri
        return seek(self._core, attempt.fork, uri, now, partial(self._reach, attempt, way))

    def _reach(self, attempt: Attempt, way: ToPlace, found: Located, now: float) -> bool:
        """Try the addresses that a URI leads to, one after another. Raises Refusal."""
        core, fork, through = self._core, attempt.fork, way.heading.through
        host = (way.heading.place or way.heading.next_uri).host
        if fork.is_settled:
            return False
        call_id, targets = fork.request.call_id, found.targets
        if not targets:
            core.note(call_id, "dns.failed", now, host=host, why=why_nowhere(found))
            if through is not None:
                self._trunks.nowhere(fork.call, through, "unresolved", now)
                raise Refusal(500, "No gateway is left")
            # RFC 3263 section 4 knows no answer to a name of which nothing can be learnt; it may be there.
            raise Refusal(404, "Unresolvable destination") if found.is_answered else Refusal(503, "Names unavailable")
        if core.locality.is_here(targets[0].remote.host, targets[0].remote.port, fork.arrival.flow):
            return self._reach_home(attempt, way, now)
        ordered = self._outages.ordered(targets, now)
        core.note(call_id, "dns.resolved", now, host=host, addresses=", ".join(str(one.remote) for one in ordered))
        self._send(attempt, way.heading, ordered, now)
        return True

    def _reach_home(self, attempt: Attempt, way: ToPlace, now: float) -> bool:
        """A name turned out to be one of ours. Raises Refusal."""
        if way.heading.through is not None:
            self._trunks.nowhere(attempt.fork.call, way.heading.through, "is-here", now)
            raise Refusal(500, "No gateway is left")
        if way.heading.routes:
            raise Refusal(404)
        others: list[Way] = []
        phones = self._at_home(attempt.fork, way.heading.target, others, now)
        rung = [self._ring(attempt, flows, 0, now) for flows in phones]
        if any([*rung, *(self._begin(attempt, service, now) for service in others)]):
            return True
        raise Refusal(480)

    def _send(self, attempt: Attempt, heading: Heading, targets: list[Target], now: float) -> None:
        """To the first of these addresses, and to the others when it fails or is silent. Raises Refusal."""
        fork, group, target, others = attempt.fork, attempt.group, targets[0], targets[1:]
        self._core.guard.asked(target, now)
        heading.changes, heading.follows = attempt.plan.changes, attempt.follows
        party = self._callee(fork, target, None)
        if party is not None and heading.through is not None:
            assert fork.call is not None
            party.through = heading.through
            self._trunks.begun(fork.call, heading.through, now)
        branch = self._sending.send(fork, target, heading, party, now, others=others)
        branch.is_place = True
        wait_s = group.no_word_s if group is not None else None
        if wait_s is None and others:
            wait_s = _ADDRESS_SILENCE_S
        if wait_s is not None:
            send_next = partial(self._send_next, attempt, heading, targets) if others else None
            fork.watch(branch, wait_s, ADDRESS_FAILED, now, send_next)

    def _send_next(
        self, attempt: Attempt, heading: Heading, targets: list[Target], now: float, was_heard: bool
    ) -> None:
        """The first of these addresses failed or said nothing."""
        failed, following = str(targets[0].remote), str(targets[1].remote)
        self._core.note(attempt.fork.request.call_id, "fork.next-tried", now, target=following, why=failed)
        try:
            self._send(attempt, heading, targets[1:], now)
        except Refusal as refusal:
            attempt.fork.could_not(refusal.status, refusal.reason)

    def redirected(self, fork: Fork, branch: Branch, response: Message, now: float) -> None:
        """A redirection is followed: its contacts are tried at once (RFC 3261 section 16.5). Users here are rung,
        whatever place the other side has for them; who may not leave the house is not led out of it."""
        attempt = Attempt(fork, Heading(fork.request.uri, []), Plan([], branch.heading.changes))
        attempt.group = Group([], follows=branch.heading.follows - 1)
        tried = 0
        for uri in _contacts(response)[: limits.REDIRECT_CONTACTS]:
            try:
                tried += self._follow(attempt, uri, now)
            except Refusal as refusal:
                fork.could_not(refusal.status, refusal.reason)
        if tried:
            self._core.note(fork.request.call_id, "fork.redirected", now, target=branch.name, count=tried)
            fork.forget(branch)

    def _follow(self, attempt: Attempt, uri: Uri, now: float) -> int:
        """Try one contact of a redirection; how many targets that are. Raises Refusal."""
        core, arrival = self._core, attempt.fork.arrival
        if attempt.fork.is_settled:
            return 0
        if core.locality.serves(uri, arrival.flow):
            phones = self._phones_of(attempt.fork, core.user_of(uri), now)
            return sum(self._ring(attempt, flows, 0, now) for flows in phones)
        if not self._may_follow(attempt.fork, uri, now):
            return 0
        return int(self._begin(attempt, ToPlace(Heading(without_headers(str(uri)), [], True)), now))

    def _may_follow(self, fork: Fork, uri: Uri, now: float) -> bool:
        """Whether the caller may be led to a place elsewhere; the redirection stays an answer where not."""
        with suppress(Refusal):
            if self._admission.may_leave(fork.arrival):
                return True
        self._core.note(fork.request.call_id, "fork.not-followed", now, target=str(without_headers(str(uri))))
        return False

    def unreached(self, branch: Branch, now: float) -> None:
        """A branch could not be reached, or said nothing: that address is asked last for a while."""
        if branch.is_place and isinstance(branch.hop, Target):
            self._outages.learn(branch.hop, now)


def is_at_home(core: Core, arrival: Arrival, way: ToPlace) -> bool:
    """Whether a place that is no gateway is surely this edge."""
    heading = way.heading
    return heading.through is None and not heading.routes and core.locality.serves(heading.next_uri, arrival.flow)


def _contacts(response: Message) -> list[Uri]:
    """Where a redirection leads, the best first; what is no SIP or telephone URI leads nowhere."""
    found: list[tuple[float, Uri]] = []
    for text in response.listed("Contact"):
        try:
            address = NameAddr.parse(text)
            uri = address.parsed_uri()
        except Malformed:
            continue
        if uri.is_sip:
            q = address.params.get("q") or "1"
            found.append((float(q) if q.replace(".", "", 1).isdecimal() and q.isascii() else 1.0, uri))
    return [uri for _, uri in sorted(found, key=lambda one: -one[0])]


def _described(hop: Hop) -> str:
    return f"{hop.transport} {hop.remote}"
