"""Where a request goes when nobody is asked: to a service, to a user here, or to the domain that it names."""

import re
from collections.abc import Callable

from talkpath.edge.admission.admission import Admission
from talkpath.edge.core import Core
from talkpath.edge.forwarding.arrival import Arrival
from talkpath.edge.registrar.binding import Binding
from talkpath.edge.registrar.phones import flows_of_phones, in_turns
from talkpath.edge.routing.heading import Heading, Refusal
from talkpath.edge.routing.plan import Group, Plan, ToGateways, ToPhone, ToPlace, ToService
from talkpath.media.service import Service

SERVICES = frozenset(Service)

# How long other requests than INVITE wait for an answer of one group: whoever asks waits for 32 s.
_GROUP_WAIT_S = 5.0


# What a gateway can be asked for; names are nobody's there.
_DIALLED = re.compile(r"\+?[0-9*#]+")


class Unproven(Exception):
    """Only users of ours may go there, or hear that nobody is there; the sender, who `wanted` somebody, has not said
    who he is."""

    def __init__(self, wanted: str) -> None:
        super().__init__(wanted)
        self.wanted = wanted


class Asked:
    """A request whose way is asked for: what came, its heading, and the user that the sender has proven to be.

    `note(kind, now, **values)` takes what led to the choice.
    """

    __slots__ = ("arrival", "heading", "note", "user")

    def __init__(self, arrival: Arrival, heading: Heading, user: str, note: Callable[..., None]) -> None:
        self.arrival = arrival
        self.heading = heading
        self.user = user
        self.note = note


class Choosing:
    """See the module's docstring."""

    def __init__(self, core: Core, admission: Admission) -> None:
        self._core = core
        self._admission = admission

    def plan(self, asked: Asked, now: float) -> Plan:
        """Where it goes. Raises Refusal, Unproven."""
        core, heading = self._core, asked.heading
        uri = heading.next_uri
        phone = None if heading.routes else core.registrar.of_contact(heading.uri, now)
        if phone is not None:
            return self._to_phones(asked, phone.user, [phone], now)
        if heading.routes or not core.locality.serves(uri, asked.arrival.flow):
            return self._elsewhere(asked, now)
        if uri.username in SERVICES and asked.arrival.message.method == "INVITE":
            if self._admission.is_doubtful(asked.arrival, asked.user, now):
                # Also a call to a service tells whether the name that the caller bears is a user's.
                raise Unproven(uri.username)
            service = Service(uri.username)
            asked.note("route.service", now, service=service)
            return Plan([Group([ToService(service)])])
        called = core.user_of(uri)
        if asked.arrival.gateway is not None:
            called = core.settings.routing.inbound.get(called, called)
        bindings = core.registrar.bindings(called, now)
        if not bindings and self._dials_out(asked, called):
            group = core.settings.routing.outbound
            asked.note("route.gateways", now, number=called, group=group)
            return Plan([Group([ToGateways(group)])])
        return self._to_phones(asked, called, bindings, now)

    def _dials_out(self, asked: Asked, called: str) -> bool:
        """Whether a number that is no user's leads to a gateway, and the sender may call there."""
        routing = self._core.settings.routing
        if not routing.outbound or not called or asked.arrival.gateway is not None:
            return False
        accounts = self._core.world.accounts
        if not accounts.may_dial_out(asked.user) or accounts.exists(called):
            return False
        return _DIALLED.fullmatch(called) is not None

    def _elsewhere(self, asked: Asked, now: float) -> Plan:
        """To where the routes or the Request-URI lead. Raises Refusal, Unproven."""
        if asked.arrival.gateway is not None:
            raise Refusal(403, "Gateways may call users here only")
        if not self._admission.may_leave(asked.arrival):
            raise Unproven(f"{asked.heading.next_uri.username}@{asked.heading.next_uri.host}")
        asked.note("route.domain", now, domain=asked.heading.next_uri.host)
        return Plan([Group([ToPlace(asked.heading)])])

    def _to_phones(self, asked: Asked, called: str, bindings: list[Binding], now: float) -> Plan:
        """To the contacts of a user, those with the same q at once, one group after the other (RFC 3261 section
        16.6). Raises Refusal, Unproven."""
        core, arrival = self._core, asked.arrival
        request = arrival.message
        if request.method == "SUBSCRIBE" and called == (asked.user or self._admission.claimed_user(request)):
            # A phone asks for its own messages or its own state, which no phone of its user can tell (RFC 6665).
            raise Refusal(489)
        is_known, is_call = self._admission.may_know(arrival, asked.user), request.method == "INVITE"
        is_hidden = not is_known and (
            core.guard.is_doubtful(arrival.flow, now)
            or core.guard.is_beset(called, arrival.flow, now, is_call=is_call)
        )
        if not bindings or is_hidden:
            asked.note("registration.none", now, user=called)
            if not is_known:
                raise Unproven(called)
            raise Refusal(480 if core.world.accounts.exists(called) else 404)
        if not is_known:
            core.guard.rung(called, arrival.flow, now, is_call=is_call)
        asked.note("route.user", now, user=bindings[0].user)
        wait_s = core.settings.group_ring_s if request.method == "INVITE" else _GROUP_WAIT_S
        turns = in_turns(flows_of_phones(bindings))
        groups = [Group([ToPhone(flows) for flows in turn], wait_s) for turn in turns]
        # Nobody comes after the last.
        groups[-1].wait_s = None
        return Plan(groups)
