"""Where requests of a dialog had to go, and where they went: the route set simulated (RFC 3261 12.1, 12.2.1.1, 16.6).

A dialog's next hop is the topmost Route, else the remote target; both come from what the other side wrote into
Record-Route and Contact. A request that nobody answers is followed hop by hop to the place where it stopped, and that
place is compared with the addresses the parties really use.
"""

from collections.abc import Iterator
from enum import Enum, auto
from ipaddress import ip_address

from msgspec import Struct

from talkpath.base.address import Address, Transport
from talkpath.base.errors import Malformed
from talkpath.calls.model import Leg, MessageSeen
from talkpath.capture.records import TcpEvent, TcpKind
from talkpath.explain.reading.decided import lost_flow
from talkpath.explain.reading.story import Exchange, Story
from talkpath.explain.reading.unheeded import unheeded
from talkpath.sdp.values import is_private
from talkpath.sip.grammar import NameAddr
from talkpath.sip.message import Message
from talkpath.sip.uri import Uri

# Refusals that mean: I could not deliver this (477 is OpenSIPS's and Kamailio's "Send failed").
UNDELIVERED = frozenset({404, 408, 410, 430, 477, 478, 480, 500, 502, 503, 504})
# Of these, what a phone may say for itself about a request that did reach it.
OWN_WORDS = frozenset({404, 410, 480, 500})
# Requests within a dialog that are followed.
_TRACED = ("BYE", "INVITE", "UPDATE", "INFO", "REFER", "NOTIFY")
# How long a request waits before its silence means something; Timer E and G reach 4 s (RFC 3261 17.1.2.2).
PATIENCE_S = 4.0
# Where a URI without a port leads (RFC 3261 19.1.2).
SIP_PORT = 5060
# Who hangs up within a round trip of the other has not heard of it yet.
GLARE_S = 1.0


class Cause(Enum):
    """Why a request of the dialog did not arrive."""

    CONNECTION_GONE = auto()
    RECORD_ROUTE = auto()
    CONTACT_TRANSPORT = auto()
    CONTACT = auto()
    UNKNOWN = auto()


class Stuck(Struct, frozen=True):
    """A request that did not get through.

    `hops` is where it was seen, in order of its way (empty: nowhere). `refusal` is who gave up on it; `answer` the
    2xx that asks in vain for its ACK. `uri` is what the next hop was to be taken from, read from `source`;
    `target` is where the other party (or the next proxy) really is; `event` is what ended its connection.
    """

    method: str
    call_id: str
    from_caller: bool
    time: float
    hops: tuple[Exchange, ...]
    refusal: MessageSeen | None
    answer: MessageSeen | None
    cause: Cause
    uri: str = ""
    source: MessageSeen | None = None
    target: Address | None = None
    transport: Transport | None = None
    event: TcpEvent | None = None

    @property
    def frames(self) -> tuple[int, ...]:
        """The frames of the request and of its refusal."""
        seen = [frame for hop in self.hops for frame in hop.request.frames]
        return (*seen, *(self.refusal.frames if self.refusal else ()))


def stuck_requests(story: Story) -> list[Stuck]:
    """Every request within the dialogs of a call that did not get through, each with its cause."""
    return story.once("stuck", lambda: [*_stuck_others(story), *_stuck_acks(story)])


def stuck_by(story: Story, cause: Cause) -> Stuck | None:
    """The first that has this cause; a BYE before what is repaired behind the scenes."""
    found = [stuck for stuck in stuck_requests(story) if stuck.cause is cause]
    return min(found, key=lambda stuck: (stuck.method != "BYE", stuck.time), default=None)


def _stuck_others(story: Story) -> Iterator[Stuck]:
    groups: dict[tuple[str, bool, str, int], list[Exchange]] = {}
    for exchange in story.in_dialog(*_TRACED):
        sip = exchange.request.sip
        key = (sip.call_id, exchange.from_caller, sip.method, story.number(exchange))
        groups.setdefault(key, []).append(exchange)
    for (call_id, from_caller, method, _), hops in groups.items():
        if not _is_stuck(story, hops) or (method == "BYE" and _is_pointless(story, hops)):
            continue
        if _is_way_open(story, hops):
            continue
        final = hops[0].final
        yield _diagnosed(
            story, Stuck(method, call_id, from_caller, hops[0].request.time, tuple(hops), final, None, Cause.UNKNOWN)
        )


def _is_stuck(story: Story, hops: list[Exchange]) -> bool:
    """Nobody on any hop said yes, and somebody gave up or kept asking."""
    if any(hop.answer for hop in hops):
        return False
    status = hops[0].status
    if status:
        return status in UNDELIVERED and not (status in OWN_WORDS and _was_refused_at_its_end(story, hops))
    if hops[0].responses:
        return False
    waited = story.scene.last - hops[0].request.time
    return hops[0].sendings >= 3 or (waited > PATIENCE_S and hops[0].last_sent + 1 < story.scene.last)


def _is_pointless(story: Story, hops: list[Exchange]) -> bool:
    """A BYE into a call that was refused, whose answer was never acknowledged (who did not hear of it knows no dialog
    to be hung up in), or that another BYE has ended (an earlier one; both hang up at once)."""
    first, lost = hops[0].request, unheeded(story)
    # Who waits for its ACK may take no BYE before it, and gives up after 32 s: what became of the ACK is the story.
    is_unacked = lost is not None and lost.answer.sip.status < 300
    if lost is not None and is_unacked and (not lost.acks or lost.answer.source == hops[-1].request.destination):
        return True
    ends = (e for e in story.in_dialog("BYE") if e not in hops and e.request.sip.call_id == first.sip.call_id)
    if any(end.answer and end.request.time <= first.time + GLARE_S for end in ends):
        return True
    own = [leg for leg in story.legs if leg.call_id == first.sip.call_id]
    return all(leg.answered_at is None and leg.status >= 300 for leg in own)


def _is_way_open(story: Story, hops: list[Exchange]) -> bool:
    """A later request of the same side was answered: what became of this one, its way is right."""
    first = hops[0].request
    later = (e for e in story.in_dialog(*_TRACED) if e.from_caller is first.from_caller and e.answer is not None)
    return any(e.request.time > first.time and e.request.sip.call_id == first.sip.call_id for e in later)


def _was_refused_at_its_end(story: Story, hops: list[Exchange]) -> bool:
    """The refusal was spoken by the furthest address that this capture knows of the other side."""
    last = hops[-1]
    own = [leg for leg in story.legs if leg.call_id == last.leg.call_id]
    ends = {own[0].caller, *(leg.callee for leg in own if leg.answered_at is not None)} - {
        leg.caller for leg in own[1:]
    }
    return last.final is not None and last.request.destination in ends


def _stuck_acks(story: Story) -> Iterator[Stuck]:
    """An answer that is repeated though it arrived: what acknowledges it did not come this far."""
    found = unheeded(story)
    if found is None or found.is_lost:
        return
    sip = found.answer.sip
    from_caller, method = found.exchange.from_caller, found.acknowledges
    yield _diagnosed(
        story,
        Stuck(method, sip.call_id, from_caller, found.answer.time, found.acks, None, found.answer, Cause.UNKNOWN),
    )


# --- why


def _diagnosed(story: Story, stuck: Stuck) -> Stuck:
    for diagnose in (_wrong_turn, _gone_connection, _told_inside, _next_hop):
        found = diagnose(story, stuck)
        if found is not None:
            is_about_contact = found.cause in (Cause.CONTACT, Cause.CONTACT_TRANSPORT)
            return stuck if is_about_contact and asks_for_another(stuck) else found
    return stuck


def asks_for_another(stuck: Stuck) -> bool:
    """What acknowledges a 2xx names somebody else than its Contact (RFC 3261 12.2.1.1), which is not to blame. The
    ACK to a refusal names whom the INVITE names (section 17.1.1.3)."""
    if not stuck.hops or stuck.answer is None or not 200 <= stuck.answer.sip.status < 300:
        return False
    contact, uri = contact_of(stuck.answer.sip), stuck.hops[0].request.sip.uri
    if stuck.hops[-1].request.destination == stuck.answer.source and host_of(uri) == host_of(contact):
        return False  # it came to who answered, under another user: SIPp writes so, and takes it so
    return bool(contact) and not _is_same_place(uri, contact)


def _is_same_place(one: str, two: str) -> bool:
    """User, host and port are the same; what cannot be read is not judged, and `alias` says where it really is."""
    first, second = _parsed(one), _parsed(two)
    if first is None or second is None or "alias" in second.params or "alias" in first.params:
        return True
    return len({(uri.user, uri.host.lower(), uri.port or SIP_PORT) for uri in (first, second)}) == 1


def _with(stuck: Stuck, cause: Cause, **facts: object) -> Stuck:
    values = {name: getattr(stuck, name) for name in stuck.__struct_fields__}
    return Stuck(**{**values, "cause": cause, **facts})


def _edge(story: Story, stuck: Stuck, is_caller: bool) -> Leg:
    """The hop next to one end of the dialog: a back-to-back agent is the end of each of its two."""
    own = [leg for leg in story.legs if leg.call_id == stuck.call_id] or list(story.legs)
    answered = [leg for leg in own if leg.answered_at is not None] or own
    return own[0] if is_caller else answered[-1]


def _address(story: Story, stuck: Stuck, is_caller: bool) -> Address:
    """Where that end's own packets come from."""
    leg = _edge(story, stuck, is_caller)
    return leg.caller if is_caller else leg.callee


def _wrong_turn(story: Story, stuck: Stuck) -> Stuck | None:
    """The last place where it was seen is on nobody's way, or the right host by the wrong transport."""
    if not stuck.hops:
        return None
    last = stuck.hops[-1].request
    leg = _edge(story, stuck, not stuck.from_caller)
    target = _address(story, stuck, not stuck.from_caller)
    uri, is_route = _leads_to(last.sip, last.destination)
    facts = {"uri": uri, "source": last, "target": target, "transport": leg.transport}
    if last.destination.host == target.host and last.source.host != target.host:
        if last.transport.is_reliable != leg.transport.is_reliable:
            return _with(stuck, Cause.CONTACT_TRANSPORT, **facts)
        return (
            _with(stuck, Cause.CONTACT, **facts)
            if last.destination.port != target.port and not leg.transport.is_reliable
            else None
        )
    ends = {end for hop in story.legs for end in (hop.caller, hop.callee)}
    if last.destination.host in {end.host for end in ends}:
        is_other_port = is_route and last.destination not in ends and not last.transport.is_reliable
        neighbour = _neighbour(story, stuck)
        if is_other_port and neighbour is not None and neighbour.host == last.destination.host:
            return _with(stuck, Cause.RECORD_ROUTE, **{**facts, "target": neighbour})
        return None
    if is_route:
        return _with(stuck, Cause.RECORD_ROUTE, **{**facts, "target": _neighbour(story, stuck)})
    return _with(stuck, Cause.CONTACT, **facts) if uri else None


def _gone_connection(story: Story, stuck: Stuck) -> Stuck | None:
    """The other party's connection ended before, or a new one to it could not be made."""
    leg = _edge(story, stuck, not stuck.from_caller)
    target = _address(story, stuck, not stuck.from_caller)
    if not leg.transport.is_reliable:
        return None
    until = max(stuck.time + PATIENCE_S, stuck.refusal.time if stuck.refusal is not None else 0.0)
    event = _ending(story, leg, until)
    if event is None:
        attempts = [one for one in story.scene.attempts(target.host, stuck.time - 1, until) if target in _ends(one)]
        event = attempts[0] if attempts else None
    is_gone = event is not None or lost_flow(story, stuck.time) is not None
    facts = {"target": target, "transport": leg.transport, "event": event, "source": leg.messages[0]}
    return _with(stuck, Cause.CONNECTION_GONE, **facts) if is_gone else None


def _told_inside(story: Story, stuck: Stuck) -> Stuck | None:
    """Of the caller nothing comes this far, and the one proxy before names an address in another network than the one
    from which it sent the INVITE: whoever is before it was told the same."""
    leg = _edge(story, stuck, is_caller=True)
    invite = story.invite(leg)
    if not stuck.from_caller or stuck.hops or invite is None:
        return None
    routes = _uris(invite.request.sip, "Record-Route")
    if len(routes) != 1 or not is_elsewhere(host_of(routes[0]), leg.caller.host):
        return None
    return _with(stuck, Cause.RECORD_ROUTE, uri=routes[0], source=invite.request, target=leg.caller)


def _ends(event: TcpEvent) -> tuple[Address, Address]:
    return event.src, event.dst


def _ending(story: Story, leg: Leg, until: float) -> TcpEvent | None:
    """What ended the connection that a hop used last."""
    used = [seen.seen.connection for seen in leg.messages if seen.seen.connection and seen.time <= until]
    if not used:
        return None
    ends = (TcpKind.RESET, TcpKind.FINISHED, TcpKind.UNDELIVERED)
    events = story.scene.connection_events(used[-1])
    return next((event for event in events if event.kind in ends and event.time <= until), None)


def _next_hop(story: Story, stuck: Stuck) -> Stuck | None:
    """Nothing was seen beyond the last hop: test the address it had to be sent on to."""
    source, uri, is_route = _onward(story, stuck)
    where = _parsed(uri)
    if where is None or source is None:
        return None
    leg = _edge(story, stuck, not stuck.from_caller)
    target = _address(story, stuck, not stuck.from_caller)
    if is_route:
        neighbour = _neighbour(story, stuck)
        wrong = neighbour is not None and is_ip(where.host) and where.host != neighbour.host
        return _with(stuck, Cause.RECORD_ROUTE, uri=uri, source=source, target=neighbour) if wrong else None
    spoken = _spoken(story, stuck) or leg.transport
    facts = {"uri": uri, "source": source, "target": target, "transport": spoken}
    if (where.transport or Transport.UDP) is not spoken and not _same_kind(where, spoken):
        is_served = not stuck.hops and _answers_by(story, target.host, where.transport or Transport.UDP)
        return None if is_served else _with(stuck, Cause.CONTACT_TRANSPORT, **facts)
    if is_unusable(where, target):
        return _with(stuck, Cause.CONTACT, **facts)
    is_asked = stuck.answer is None  # an ACK gets no answer by which to tell
    if (
        is_asked
        and not leg.transport.is_reliable
        and (_is_at_its_end(stuck, where, target) or _is_home(where, target))
    ):
        return _with(stuck, Cause.CONTACT, **facts)
    if leg.transport.is_reliable and stuck.refusal is not None and stuck.refusal.sip.status in (430, 477):
        return _with(stuck, Cause.CONNECTION_GONE, **facts)
    return None


def _answers_by(story: Story, host: str, transport: Transport) -> bool:
    """A host answers requests by that transport too: a Contact that names it leads there."""
    return any(
        one.request.seen.transport is transport and one.request.destination.host == host and one.responses
        for one in story.in_dialog(*_TRACED)
    )


def _is_at_its_end(stuck: Stuck, where: Uri, target: Address) -> bool:
    """It came to the furthest address of this capture, and that is no proxy that was to pass it on."""
    if not stuck.hops or stuck.hops[-1].request.destination != target:
        return False
    return where.host == target.host or not _uris(stuck.hops[-1].request.sip, "Route")


def _is_home(where: Uri, target: Address) -> bool:
    """The Contact is right, and its owner does not answer there any more."""
    return (where.host, where.port or target.port) == target


def _same_kind(where: Uri, spoken: Transport) -> bool:
    """A TLS flow behind a transport=tcp Contact with sips, and the like, is no mismatch."""
    named = where.transport or Transport.UDP
    return where.scheme == "sips" and spoken.is_secure and named.is_websocket == spoken.is_websocket


def _spoken(story: Story, stuck: Stuck) -> Transport | None:
    """What the caller's phone itself says it speaks, in the lowest Via, where its own hop is not in the capture."""
    if stuck.from_caller:
        return None
    invite = story.invite(_edge(story, stuck, is_caller=True))
    vias = invite.request.sip.listed("Via") if invite else []
    name = vias[-1].partition("/2.0/")[2].partition(" ")[0].upper() if len(vias) > 1 else ""
    return Transport[name] if name in Transport.__members__ else None


def is_unusable(where: Uri, real: Address) -> bool:
    """Whether a Contact cannot be reached from here, judged by where its owner's packets come from.

    Another public address proves nothing: there may be a proxy in between that this capture does not show.
    """
    if where.host.endswith(".invalid"):
        return True
    return is_elsewhere(where.host, real.host)


def is_elsewhere(host: str, real: str) -> bool:
    """Whether a private address is in another network than the one from which its owner's packets come.

    Between the families nothing can be said: a host has addresses of both.
    """
    separator = ":" if ":" in host else "."
    if not is_ip(host) or host == real or not is_private(host) or separator not in real:
        return False
    return not is_private(real) or host.partition(separator)[0] != real.partition(separator)[0]


def _onward(story: Story, stuck: Stuck) -> tuple[MessageSeen | None, str, bool]:
    """Where the request had to go from the last place it was seen: (the message that says so, URI, is a Route)."""
    if stuck.hops:
        last = stuck.hops[-1].request
        routes = _routes_beyond(_uris(last.sip, "Route"), _box_at(story, last.destination))
        return (last, routes[0], True) if routes else (last, last.sip.uri, False)
    leg = _edge(story, stuck, stuck.from_caller)
    told = _told(story, leg, stuck)
    if told is None:
        return None, "", False
    routes = _uris(told.sip, "Record-Route")
    if stuck.from_caller:
        routes = routes[::-1][_already_passed(story, leg) :]
    if routes:
        return told, routes[0], True
    contact = _uris(told.sip, "Contact")
    return (told, contact[0], False) if contact else (None, "", False)


def _already_passed(story: Story, leg: Leg) -> int:
    """How many Routes lie before the first hop of the capture: its INVITE had brought their Record-Route along."""
    invite = story.invite(leg)
    return len(_uris(invite.request.sip, "Record-Route")) if invite else 0


def _box_at(story: Story, address: Address) -> set[str]:
    """The hosts of the box behind an address: where it is called, and where it calls from.

    A proxy between two networks stands in the Record-Route with both (RFC 5658), and takes both Routes away.
    """
    hosts = {address.host}
    for leg in story.legs:
        before = story.legs[leg.parent] if leg.parent is not None else None
        if before is not None and address.host in (before.callee.host, leg.caller.host):
            hosts |= {before.callee.host, leg.caller.host}
    return hosts


def _routes_beyond(routes: list[str], own: set[str]) -> list[str]:
    """What is left of the Routes when a box has taken its own away; `r2` marks the second of the same box."""
    left = list(routes)
    was_first_of_two = False
    while left and (host_of(left[0]) in own or (was_first_of_two and _is_one_of_two(left[0]))):
        taken = left.pop(0)
        was_first_of_two = _is_one_of_two(taken) and not was_first_of_two
    return left


def _is_one_of_two(route: str) -> bool:
    parsed = _parsed(route)
    return parsed is not None and "r2" in parsed.params


def _told(story: Story, leg: Leg, stuck: Stuck) -> MessageSeen | None:
    """The message from which a party learnt its route set: the 2xx for the caller, the INVITE for the callee."""
    invite = story.invite(leg)
    if invite is None:
        return None
    return invite.answer if stuck.from_caller else invite.request


def _neighbour(story: Story, stuck: Stuck) -> Address | None:
    """Who really stands behind the next Route: the other end of the hop the request has to take."""
    legs = list(story.legs) if stuck.from_caller else list(story.legs)[::-1]
    legs = [leg for leg in legs if leg.call_id == stuck.call_id]
    taken = len({id(hop.leg) for hop in stuck.hops if hop.request.destination in (hop.leg.caller, hop.leg.callee)})
    if taken >= len(legs):
        return None
    leg = legs[taken]
    return leg.callee if stuck.from_caller else leg.caller


def _leads_to(sip: Message, destination: Address) -> tuple[str, bool]:
    """Which header made a message go to `destination`: (URI, it is a Route). A name may mean any address; "" where
    what is named is another one, and so something that the message does not tell made it go there."""
    routes = _uris(sip, "Route")
    for route in routes:
        if host_of(route) == destination.host:
            return route, True
    uri = routes[0] if routes else sip.uri
    host = host_of(uri)
    return (uri, bool(routes)) if host == destination.host or not is_ip(host) else ("", False)


def _uris(sip: Message, name: str) -> list[str]:
    found = []
    for item in sip.listed(name):
        try:
            found.append(NameAddr.parse(item).uri)
        except Malformed:
            continue
    return found


def contact_of(sip: Message) -> str:
    """The URI of the first Contact, "" without a readable one."""
    contacts = _uris(sip, "Contact")
    return contacts[0] if contacts else ""


def _parsed(uri: str) -> Uri | None:
    try:
        return Uri.parse(uri)
    except Malformed:
        return None


def host_of(uri: str) -> str:
    """The host of a URI, "" of what is none."""
    parsed = _parsed(uri)
    return parsed.host if parsed else ""


def is_ip(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True
