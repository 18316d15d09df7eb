"""Where a request goes: the route it brings, its dialog, a user of ours, or a domain elsewhere."""

from ipaddress import ip_address

from talkpath.base.address import Address, Flow, Hop, Target, Transport
from talkpath.base.errors import Malformed
from talkpath.edge.arrival import Arrival
from talkpath.edge.binding import Binding
from talkpath.edge.call import Party, RunningCall
from talkpath.edge.core import Core
from talkpath.edge.forwarding import routes_of
from talkpath.edge.heading import Heading, Refusal
from talkpath.edge.phones import contact_key
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
        if token.node != core.tokens.node and core.world.nodes.is_there(token.node):
            # The same key made it, for another node that the request passes too.
            return False
        heading.follow(token, arrival)
        return True
    permit = core.passes.read(user.partition(":")[2], arrival.message) if at else None
    if permit is not None:
        heading.permit = permit
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


class Reachability:
    """Finds the flow to a party of a running dialog, also after its connection was replaced."""

    def __init__(self, core: Core) -> None:
        self._core = core

    def flow_to(
        self, request: Message, receiver: Party | None, heading: Heading, now: float
    ) -> tuple[Flow | None, bool]:
        """(the flow to send on, whether the party's own flow is gone and none took its place)."""
        core = self._core
        known = receiver.flow if receiver is not None and isinstance(receiver.flow, Flow) else heading.onward
        if known is None:
            return None, False
        registered = self._registered(request, receiver, heading, known, now)
        if core.world.reach.is_open(known) and not _is_newer(registered, receiver, known):
            return known, False
        if registered is not None and core.world.reach.is_open(registered):
            place = str(registered.remote)
            core.note(request.call_id, "flow.replaced", now, remote=str(known.remote), place=place)
            return registered, False
        core.note(request.call_id, "flow.gone", now, remote=str(known.remote), method=request.method)
        return None, True

    def _registered(
        self, request: Message, receiver: Party | None, heading: Heading, known: Flow, now: float
    ) -> Flow | None:
        """The flow of the present registration of the same phone: by instance, by Contact, or its only one."""
        registrar = self._core.registrar
        if receiver is not None and receiver.identity is not None:
            binding = registrar.find(receiver.user, receiver.identity)
            if binding is not None and binding.expires_at > now and self._core.world.reach.is_open(binding.flow):
                return binding.flow
        if self._core.world.reach.is_open(known):
            return None
        for user in _users_named(self._core, request, heading):
            live = [one for one in registrar.bindings(user, now) if self._core.world.reach.is_open(one.flow)]
            same = [one for one in live if contact_key(one.contact) == contact_key(heading.uri)]
            if same or len(live) == 1:
                return (same or live)[0].flow
        return None


def _is_newer(registered: Flow | None, receiver: Party | None, known: Flow) -> bool:
    """The last registration of the very phone names its live flow (RFC 5626 section 6): a datagram flow is never seen
    to close, and a connection that was left behind in another network looks open for long."""
    return registered is not None and receiver is not None and receiver.identity is not None and registered != known


def _users_named(core: Core, request: Message, heading: Heading) -> list[str]:
    """Whom To and the Request-URI name, as candidates for a registered user."""
    users: list[str] = []
    for text in (request.first("To") or "", heading.uri):
        try:
            users.append(core.user_of(Uri.parse(text.partition("<")[2].partition(">")[0] or text)))
        except Malformed:
            continue
    return users


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
