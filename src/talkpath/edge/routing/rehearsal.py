"""What would happen to a call now: it is admitted, routed and followed to every target; nothing is sent or counted.

A `Rehearsal` is an `Inquiry` like any other to a script. Nobody answers in it, so that whatever comes after is seen.
"""

from collections.abc import Callable, Generator

from talkpath.base.address import Flow, Located
from talkpath.base.errors import Malformed
from talkpath.calls.model import Moment
from talkpath.edge.admission.admission import Admission
from talkpath.edge.core import Core
from talkpath.edge.forking.trying import is_at_home
from talkpath.edge.forwarding.arrival import Arrival
from talkpath.edge.forwarding.responses import reason_of
from talkpath.edge.gateways.trunks import Trunks, dialled, picked_aloud, uri_at
from talkpath.edge.places.names import why_nowhere
from talkpath.edge.registrar.binding import Binding
from talkpath.edge.registrar.phones import flows_of_phones
from talkpath.edge.routing.choosing import SERVICES, Asked, Choosing, Unproven
from talkpath.edge.routing.heading import Heading, Refusal
from talkpath.edge.routing.inquiry import Answer, Outcome, Router, Verb, Verdict
from talkpath.edge.routing.plan import Group, Plan, ToGateways, ToPhone, ToPlace, ToService, ToUser, Way
from talkpath.edge.routing.question import plain
from talkpath.edge.routing.routing import heading_of, hop_to
from talkpath.sip.message import Message, fault_of
from talkpath.sip.uri import Uri

Told = Callable[[list[Moment]], None]
_Steps = Generator[Uri, Located, None]

_NOBODY = Outcome(408, "Nobody answers")


class Rehearsals:
    """Makes them."""

    def __init__(self, core: Core, admission: Admission, trunks: Trunks) -> None:
        self.core = core
        self.admission = admission
        self.trunks = trunks
        self.choosing = Choosing(core, admission)

    def begin(
        self, message: Message, flow: Flow, user: str, told: Told, now: float, router: Router | None = None
    ) -> None:
        """Rehearse an INVITE that comes on a flow from a user who has proven to be it ("" for nobody); `told` hears
        every step when the last is known. `router` is asked instead of the one that is in use."""
        try:
            rehearsal = Rehearsal(self, message, flow, user, told)
        except Malformed as broken:
            told([Moment(now, "guard.refused", plain({"status": 400, "why": broken.reason}))])
        else:
            rehearsal.begin(router or self.core.world.router, now)


class Rehearsal:
    """One of them. Implements `Inquiry`."""

    def __init__(self, makers: Rehearsals, message: Message, flow: Flow, user: str, told: Told) -> None:
        self._makers = makers
        self._core = makers.core
        self._arrival = arrival = Arrival(message, flow)
        self._told: Told | None = told
        self._heading = Heading(message.uri, [])
        self._steps: list[Moment] = []
        arrival.gateway = makers.trunks.source(flow)
        arrival.proven = "" if arrival.gateway is not None else user
        self.message = message
        self.flow = flow
        self.user = arrival.proven
        settings = arrival.gateway.settings if arrival.gateway is not None else None
        self.gateway = settings.name if settings is not None else ""
        self.gateway_group = settings.group if settings is not None else ""
        self.is_dry = True
        self.on_over: Callable[[float], None] | None = None

    def begin(self, router: Router | None, now: float) -> None:
        """Go from the door on."""
        core = self._core
        if self.gateway:
            self.note("rehearsal.gateway", now, gateway=self.gateway, group=self.gateway_group)
        elif self.user:
            self.note("rehearsal.user", now, user=self.user)
        else:
            self.note("rehearsal.stranger", now, source=self.flow.remote.host)
        fault = fault_of(self.message)
        if fault is not None:
            self._refused(Refusal(400, fault.reason), now)
            return
        try:
            self._heading = heading_of(core, self._arrival, now)
            if not self.user and self._makers.admission.must_prove(self._arrival):
                self._challenged(now)
            elif router is not None and self.message.method in router.begins:
                router.ask(self, now)
            else:
                self.decide(Verb.USUAL, now)
        except Refusal as refusal:
            self._refused(refusal, now)

    # --- the inquiry

    def note(self, kind: str, now: float, **values: str | int | float) -> None:
        """A step."""
        self._steps.append(Moment(now, kind, plain(values)))

    def attempt(self, plan: Plan, done: Callable[[Outcome, float], None], now: float) -> None:
        """Follow a plan, and say that nobody answered."""

        def over(then: float) -> None:
            self.note("rehearsal.nobody", then)
            done(_NOBODY, then)

        self._follow(plan, over, now)

    def decide(self, verdict: Verdict, now: float) -> None:
        """The last word."""
        if isinstance(verdict, Plan):
            self._follow(verdict, self._over, now)
        elif isinstance(verdict, Answer):
            self._refused(Refusal(verdict.status, verdict.reason), now)
        elif verdict is Verb.CHALLENGE:
            self._challenged(now)
        elif verdict is Verb.DROP:
            self.note("guard.dropped", now, why="the script says so")
            self._over(now)
        elif verdict is Verb.OUTCOME:
            self._refused(Refusal(_NOBODY.status, _NOBODY.reason), now)
        else:
            self._as_usual(now)

    def _as_usual(self, now: float) -> None:
        try:
            asked = Asked(self._arrival, self._heading, self.user, self.note)
            self._follow(self._makers.choosing.plan(asked, now), self._over, now)
        except Unproven:
            self._challenged(now)
        except Refusal as refusal:
            self._refused(refusal, now)

    def _challenged(self, now: float) -> None:
        user = self.user or self._caller()
        self.note("auth.challenged", now, user=user, realm=self._core.settings.realm)
        self._over(now)

    def _refused(self, refusal: Refusal, now: float) -> None:
        why = refusal.reason or reason_of(refusal.status)
        self.note("guard.refused", now, status=refusal.status, why=why)
        self._over(now)

    def _over(self, now: float) -> None:
        told, self._told = self._told, None
        if told is not None:
            told(self._steps)

    # --- plans

    def _follow(self, plan: Plan, over: Callable[[float], None], now: float) -> None:
        """Go through every group; where a URI leads may be known later."""
        try:
            if plan.leaves_house and not plan.for_strangers and not self._makers.admission.may_leave(self._arrival):
                self._challenged(now)
                return
        except Refusal as refusal:
            self._refused(refusal, now)
            return
        steps = self._walk(plan, now)

        def advance(found: Located | None, then: float) -> None:
            try:
                uri = next(steps) if found is None else steps.send(found)
            except StopIteration:
                over(then)
                return
            self._core.world.resolve(uri, advance)

        advance(None, now)

    def _walk(self, plan: Plan, now: float) -> _Steps:
        while (group := plan.next()) is not None:
            for way in group.ways:
                yield from self._way(way, group, now)
            if group.wait_s is not None:
                self.note("rehearsal.waits", now, seconds=round(group.wait_s))

    def _way(self, way: Way, group: Group, now: float) -> _Steps:
        if isinstance(way, ToPhone):
            self._phone(way.flows, now)
        elif isinstance(way, ToUser):
            self._user(way.user, now)
        elif isinstance(way, ToService):
            self.note("rehearsal.answers", now, service=way.service)
        elif isinstance(way, ToGateways):
            self._gateways(way, now)
        elif isinstance(way, ToPlace):
            uri = way.heading.next_uri
            if is_at_home(self._core, self._arrival, way):
                self._at_home(uri, now)
            else:
                found = yield uri
                self._found(uri, found, now)

    def _at_home(self, uri: Uri, now: float) -> None:
        self.note("route.is-here", now, target=str(uri))
        if uri.username in SERVICES and self.message.method == "INVITE":
            self.note("rehearsal.answers", now, service=uri.username)
        else:
            self._user(self._core.user_of(uri), now)

    def _found(self, uri: Uri, found: Located, now: float) -> None:
        if not found.targets:
            self.note("dns.failed", now, host=uri.host, why=why_nowhere(found))
            return
        addresses = ", ".join(f"{one.transport} {one.remote}" for one in found.targets)
        self.note("dns.resolved", now, host=uri.host, addresses=addresses)
        first = found.targets[0].remote
        if self._core.locality.is_here(first.host, first.port, self._arrival.flow):
            self._at_home(uri, now)

    def _user(self, user: str, now: float) -> None:
        bindings = self._core.registrar.bindings(user, now)
        self.note("route.user" if bindings else "registration.none", now, user=user)
        for flows in flows_of_phones(bindings):
            self._phone(flows, now)

    def _phone(self, flows: list[Binding], now: float) -> None:
        for binding in flows:
            remote, transport = str(binding.flow.remote), str(binding.flow.transport)
            hop = hop_to(self._core, binding)
            if binding.flow in self._core.keep_alive.gone:
                self.note("flow.unanswering", now, remote=remote, transport=transport)
            elif hop is None:
                self.note("flow.not-rung", now, remote=remote, transport=transport)
            else:
                flow = f"{hop.transport} {hop.remote}"
                self.note("fork.branch-added", now, target=binding.contact, flow=flow)

    def _gateways(self, way: ToGateways, now: float) -> None:
        group = way.group
        choice = self._makers.trunks.choice(self.message, group, is_dry=True)
        if choice is None:
            self.note("gateway.none-there", now, group=group)
            return
        while (picked := picked_aloud(choice, self.note, now)) is not None:
            settings = picked.gateway.settings
            uri = str(uri_at(settings, dialled(way, self.message)))
            addresses = ", ".join(f"{one.transport} {one.remote}" for one in picked.gateway.targets)
            self.note("fork.branch-added", now, target=uri, flow=addresses or settings.address)

    def _caller(self) -> str:
        return self._makers.admission.claimed_user(self.message)
