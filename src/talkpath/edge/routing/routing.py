"""Where a request goes: the route it brings, its dialog, a user of ours, or a domain elsewhere."""

from ipaddress import ip_address
from typing import NamedTuple

from talkpath.base.address import Address, Flow, Hop, Target, Transport
from talkpath.base.errors import Malformed
from talkpath.edge.calls.call import Party, RunningCall
from talkpath.edge.core import Core
from talkpath.edge.forwarding.arrival import Arrival
from talkpath.edge.forwarding.forwarding import routes_of
from talkpath.edge.nodes.nodes import Elsewhere
from talkpath.edge.registrar.binding import Binding
from talkpath.edge.registrar.phones import contact_key
from talkpath.edge.routing.heading import Heading, Refusal
from talkpath.sip.grammar import NameAddr
from talkpath.sip.message import Message
from talkpath.sip.uri import Uri


def heading_of(core: Core, arrival: Arrival, now: float) -> Heading:
    """Take our own entries off the route set and read their tokens. Raises Refusal."""
    request = arrival.message
    try:
        heading = Heading(request.uri, routes_of(request))
    except Malformed as fault:
        raise Refusal(400, fault.reason) from fault
    _undo_strict_routing(core, arrival, heading)
    while heading.routes and _is_ours(core, arrival, heading, now):
        heading.routes.pop(0)
        heading.changed = True
    return heading


def _is_ours(core: Core, arrival: Arrival, heading: Heading, now: float) -> bool:
    """Whether the topmost route is us: by a token of ours, or by host and port, whatever user it names (a phone may
    write its own there; what it may not is name the way of a dialog)."""
    route = heading.routes[0]
    user, at, _ = route.address.uri.partition("@")
    token = core.tokens.read(user.partition(":")[2], arrival.message.call_id) if at else None
    if token is not None:
        heading.maker = core.world.nodes.named(token.node) if token.node != core.tokens.node else ""
        if not heading.maker:
            heading.follow(token, arrival)
            return True
        # The same key made it, for another node that the request passes too: who runs the call knows its parties.
        heading.has_token = heading.has_token or core.runs(arrival.message)
        return core.runs(arrival.message)
    permit = core.passes.read(user.partition(":")[2], arrival.message) if at else None
    if permit is not None:
        arrival.permit = permit
        return True
    try:
        uri = route.address.parsed_uri()
    except Malformed as fault:
        raise Refusal(400, "Bad Route") from fault
    if core.locality.is_here(uri.host, uri.port, arrival.flow):
        return True
    if core.names.must_ask(uri, now):
        heading.unknown = uri
    return False


def _undo_strict_routing(core: Core, arrival: Arrival, heading: Heading) -> None:
    """A strict router before us put our Record-Route into the Request-URI and the target last (16.4)."""
    if not heading.routes or ";lr" not in heading.uri:
        return
    try:
        uri = Uri.parse(heading.uri)
    except Malformed:
        return
    token = core.tokens.read(uri.user, arrival.message.call_id) if uri.user else None
    if token is not None and "lr" in uri.params:
        heading.follow(token, arrival)
        heading.uri = heading.routes.pop().address.uri
        heading.changed = True


class Found(NamedTuple):
    """Where a party of a running dialog is: on a flow of ours, or at another node. `is_gone`: its own flow is, and
    none took its place."""

    flow: Flow | None = None
    elsewhere: Elsewhere | None = None
    is_gone: bool = False


class Reachability:
    """Finds the flow to a party of a running dialog, also after its connection was replaced."""

    def __init__(self, core: Core) -> None:
        self._core = core

    def find(self, request: Message, receiver: Party | None, heading: Heading, now: float) -> Found:
        core = self._core
        elsewhere = elsewhere_of(core, receiver, now) if receiver is not None else None
        if elsewhere is not None:
            return Found(elsewhere=elsewhere)
        if receiver is not None and receiver.node:
            # What a token names was of that node too, and it is gone.
            binding = present(core, receiver, now)
            return Found(is_gone=True) if binding is None else Found(binding.flow)
        known = heading.onward
        if receiver is not None and isinstance(receiver.flow, Flow):
            known = receiver.flow
        if known is None:
            return Found()
        registered = self._registered(request, receiver, heading, known, now)
        if core.world.reach.is_open(known) and not _is_newer(registered, receiver, known):
            return Found(known)
        if registered is None:
            core.note(request.call_id, "flow.gone", now, remote=str(known.remote), method=request.method)
            return Found(is_gone=True)
        place = str(registered.flow.remote)
        core.note(request.call_id, "flow.replaced", now, remote=str(known.remote), place=place)
        if registered.node:
            return Found(elsewhere=_phone_of(registered))
        return Found(registered.flow)

    def _registered(
        self, request: Message, receiver: Party | None, heading: Heading, known: Flow, now: float
    ) -> Binding | None:
        """The present registration of the same phone, if it is reached by that: by instance, by Contact, or its only
        one."""
        core = self._core
        if receiver is not None:
            binding = present(core, receiver, now)
            if binding is not None:
                return binding
        if core.world.reach.is_open(known):
            return None
        for user in _users_named(core, request, heading):
            live = [one for one in core.registrar.bindings(user, now) if _is_held(core, one)]
            same = [one for one in live if contact_key(one.contact) == contact_key(heading.uri)]
            if same or len(live) == 1:
                return (same or live)[0]
        return None


def present(core: Core, party: Party, now: float) -> Binding | None:
    """The registration by which the phone of a party is reached now: its own, that of another flow of its instance
    (RFC 5626), or of one that names no instance, and has another Contact than before, the only one that there is."""
    if party.identity is None:
        return None
    own = core.registrar.find(party.user, party.identity)
    if own is not None and own.expires_at > now and _is_held(core, own):
        return own
    instance = party.identity[0]
    live = [one for one in core.registrar.bindings(party.user, now) if one.identity[0] == instance]
    usable = [one for one in live if _is_held(core, one)]
    return usable[0] if usable and (instance or len(usable) == 1) else None


def elsewhere_of(core: Core, party: Party, now: float) -> Elsewhere | None:
    """The other node that holds the flow to a party: where its phone registered, or where it spoke last. A datagram
    flow of a call goes with the address that it is at, before anybody knows that the node is gone that had it."""
    binding = present(core, party, now)
    if binding is not None:
        is_moved = not party.node and binding.flow == party.flow and not binding.flow.transport.is_reliable
        return _phone_of(binding) if binding.node and not is_moved else None
    if not party.node or core.world.nodes.way_to(party.node) is None:
        return None
    flow = party.at if isinstance(party.at, Flow) else None
    return Elsewhere(party.node, party.user, party.identity or ("", ""), flow)


def _is_held(core: Core, binding: Binding) -> bool:
    """Whether its flow stands, here or at a node that is there."""
    if binding.node:
        return core.world.nodes.way_to(binding.node) is not None
    return core.world.reach.is_open(binding.flow)


def _phone_of(binding: Binding) -> Elsewhere:
    return Elsewhere(binding.node, binding.user, binding.identity, binding.flow)


def _is_newer(registered: Binding | None, receiver: Party | None, known: Flow) -> bool:
    """The last registration of the very phone names its live flow (RFC 5626 section 6): a datagram flow is never seen
    to close, and a connection that was left behind in another network looks open for long."""
    if registered is None or receiver is None or receiver.identity is None:
        return False
    return registered.identity == receiver.identity and registered.flow != known


def _users_named(core: Core, request: Message, heading: Heading) -> list[str]:
    """Whom To and the Request-URI name, as candidates for a registered user."""
    users: list[str] = []
    for text in (request.first("To") or "", heading.uri):
        try:
            users.append(core.user_of(Uri.parse(text.partition("<")[2].partition(">")[0] or text)))
        except Malformed:
            continue
    return users


def follow(core: Core, party: Party, arrival: Arrival) -> None:
    """A party that speaks from a new flow, here or at another node, has moved there."""
    permit = arrival.permit
    if permit is None or permit.flow is None:
        party.speaks_from(arrival.reply_to, arrival.behind_nat)
    else:
        way = core.world.nodes.way_to(permit.node) or arrival.reply_to
        party.spoke_to(permit.node, permit.flow, permit.behind_nat, way)


def sides_of(call: RunningCall | None, request: Message) -> tuple[Party | None, Party | None]:
    """(sender, receiver) of an in-dialog request as far as the running call knows them."""
    pair = call.sides(request) if call is not None else None
    return pair if pair is not None else (None, None)


def reachable_contact(party: Party) -> Hop | Uri | None:
    """Where a party whose connection is gone said that it listens, or the proxy before it did; None for what nobody
    can connect to."""
    if party.behind_nat or party.flow.transport.is_websocket:
        return None
    try:
        place = NameAddr.parse(party.routes[0]).parsed_uri() if party.routes else Uri.parse(party.contact)
        return _place_of(place, party.flow.transport)
    except Malformed:
        return None


def hop_of(flow: Flow, receiver: Party | None) -> Hop:
    """A flow of a token, or the place to connect to where the token was made before the connection stood: what its
    certificate must say, no token knows."""
    if not flow.transport.is_reliable or flow.connection:
        return flow
    known = receiver.flow if receiver is not None else None
    if isinstance(known, Target) and (known.transport, known.remote) == (flow.transport, flow.remote):
        return known
    return Target(flow.transport, flow.remote)


def hop_to(core: Core, binding: Binding) -> Hop | None:
    """The way to a registered phone: down the flow of its registration; to its Contact where that flow is gone, or
    where a datagram brought one that names another transport, if nothing stands between."""
    if binding.node:
        return _way_elsewhere(core, binding)
    if core.world.reach.is_open(binding.flow) and not _names_other_transport(binding):
        return binding.flow
    if binding.behind_nat or binding.flow.transport.is_websocket:
        return None
    contact = Uri.parse(binding.contact)
    transport = contact.transport or binding.flow.transport
    return Target(transport, Address(contact.host, contact.port or transport.default_port))


def _way_elsewhere(core: Core, binding: Binding) -> Hop | None:
    """The way to a phone whose flow another node holds: that node; where it is gone, the phone itself if nothing
    stands between. A connection ended with its node, and a NAT lets only that node in."""
    there = core.world.nodes.way_to(binding.node)
    if there is not None:
        return there
    if binding.behind_nat or binding.path or binding.flow.transport.is_reliable:
        return None
    return Target(binding.flow.transport, binding.flow.remote)


def _place_of(contact: Uri, transport: Transport) -> Hop | Uri | None:
    """Where a Contact leads: an address, or a name that must be looked up first (RFC 3263)."""
    if not contact.is_sip or not contact.host:
        return None
    transport = contact.transport or transport
    try:
        host = str(ip_address(contact.host.strip("[]")))
    except ValueError:
        return contact if contact.transport is not None else contact.over(transport)
    return Target(transport, Address(host, contact.port or transport.default_port))


def _names_other_transport(binding: Binding) -> bool:
    """Whether a phone that registered by datagram, with nothing in between, wants to be called over a stream."""
    if binding.flow.transport.is_reliable or binding.behind_nat or binding.reg_id or binding.path:
        return False
    return Uri.parse(binding.contact).transport in (Transport.TCP, Transport.TLS)
