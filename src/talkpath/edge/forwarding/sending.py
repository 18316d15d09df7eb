"""How a request goes on: the bytes for one hop, with our Via, Record-Route and media, and the branch that waits for
an answer (RFC 3261 section 16.6). Where it goes is decided elsewhere.
"""

from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

from talkpath.base.address import Address, Flow, Hop, Target
from talkpath.base.errors import Malformed
from talkpath.edge.admission.identity import SAID, asserted, names_sender, says_otherwise, withheld
from talkpath.edge.calls.anchoring import Anchoring, MediaFailed
from talkpath.edge.calls.call import Party, RunningCall
from talkpath.edge.core import Core
from talkpath.edge.forking.branch import Branch
from talkpath.edge.forking.fork import Fork
from talkpath.edge.forwarding.arrival import Arrival
from talkpath.edge.forwarding.forwarding import Onward, bears_ours, forwarded_request, record_route_line, via_line
from talkpath.edge.forwarding.legible import legible, legible_contact, remote_target
from talkpath.edge.forwarding.slimming import slimmed
from talkpath.edge.forwarding.streams import PATIENCE_S, SILENCE_S, Streams
from talkpath.edge.registrar.contact import reached_at
from talkpath.edge.routing.heading import Heading, Refusal
from talkpath.media.policy import Profile
from talkpath.sip.message import Message

# Requests that make a dialog, and so are record-routed (RFC 3261 16.6 step 4; RFC 6665, RFC 3515).
_DIALOG_MAKING = frozenset(("INVITE", "SUBSCRIBE", "REFER"))
# RFC 3261 section 18.1.1: larger requests may be cut into fragments on a path of unknown MTU; on one that is known
# to be smaller so may those that leave less than 200 bytes to it.
_SAFE_DATAGRAM_BYTES = 1300
_MTU_SPARED_BYTES = 200
# No path is asked about where nobody needs to: IPv6 carries 1,280 bytes everywhere, and IPv4 as good as everywhere.
_SAFE_ANYWHERE_BYTES = 1000


class _Letter(NamedTuple):
    """A request on its way to a branch, what changes in it, and what we call ourselves towards the branch's hop."""

    fork: Fork
    branch: Branch
    onward: Onward
    here: Address


class Sending:
    """Writes requests for their next hop and starts their branches."""

    def __init__(self, core: Core, anchoring: Anchoring) -> None:
        self._core = core
        self._anchoring = anchoring
        self._streams = Streams(core)

    def send(
        self,
        fork: Fork,
        hop: Hop,
        heading: Heading,
        party: Party | None,
        now: float,
        path: tuple[str, ...] = (),
        others: Sequence[Target] = (),
    ) -> Branch:
        """Start a branch of a fork, or see whether a stream takes it first; `others` are where else the name leads.
        Raises Refusal."""
        request = fork.request
        branch = Branch(fork, hop, party, heading, path)
        if not request.to_tag and party is not None:
            branch.cseq_shift = party.cseq_shift
        else:
            branch.cseq_shift = heading.cseq_shift
        here = self._facing(hop)
        onward = self._onward(fork.arrival, hop, heading, party, fork.call, now, path, branch.cseq_shift)
        letter = _Letter(fork, branch, onward, here)
        branch_id, data = self._addressed(letter, hop, here)
        if not hop.transport.is_reliable and len(data) > _SAFE_ANYWHERE_BYTES and len(data) > self._limit(hop):
            if self._has_stream(letter, others, now):
                return branch
            data = self._fitted(request, data, self._limit(hop), now, _diet(heading))
        self._start(letter, branch_id, data, hop, now)
        return branch

    def _addressed(self, letter: _Letter, hop: Hop, here: Address) -> tuple[str, bytes]:
        """A fresh branch id, and the bytes of the request for a hop that knows us as `here`."""
        fork, branch, onward, _ = letter
        marks = self._core.loops.sent(fork.request, onward.uri, branch.cseq_shift, fork.arrival.flow)
        branch_id = self._core.branch(marks)
        branch.is_renamed = bool(onward.sender or onward.receiver)
        onward.via = via_line(hop.transport, here, branch_id)
        onward.record_route = self._recorded(fork, hop, here, branch.cseq_shift)
        branch.record_routes = onward.record_route.count("\n")
        return branch_id, forwarded_request(fork.request, fork.arrival.via, onward)

    def _start(self, letter: _Letter, branch_id: str, data: bytes, hop: Hop, now: float) -> None:
        fork, branch, onward, _ = letter
        if fork.call is not None:
            self._core.touch(fork.call)
        if fork.call is not None and onward.body:
            self._anchoring.sent(fork.call, onward.body, data, now)
        if branch.party is not None and not fork.request.to_tag:
            branch.offered, branch.asked = Profile.of(data), data
        if branch.transaction is None:
            fork.branches.append(branch)
        fork.send(branch, branch_id, data, hop, now)

    # --- what is too large for a datagram (RFC 3261 section 18.1.1)

    def _has_stream(self, letter: _Letter, others: Sequence[Target], now: float) -> bool:
        """Whether it goes over a stream, or waits for one to be tried. What begins a dialog rings each flow of a
        phone by itself."""
        branch = letter.branch
        if branch.path:
            return False
        known = self._streams.of_same_phone(branch.party, now) if letter.fork.request.to_tag else None
        if known is not None:
            self._start_over(letter, known, now)
            return True
        targets = self._streams.instead(branch.hop, branch.heading, branch.party, others, now)
        if targets:
            self._try(letter, targets, now)
        return bool(targets)

    def _try(self, letter: _Letter, streams: list[Target], now: float) -> None:
        """Send it over the first of these streams that stands in a moment, else as a datagram."""
        stream, left = streams[0], streams[1:]
        stands = False

        def go_on(then: float) -> None:
            if stands:
                self._start_over(letter, stream, then)
            else:
                self._streams.learn(stream, False, then)
                if left:
                    self._try(letter, left, then)
                else:
                    self._start_datagram(letter, then)

        turn = letter.fork.later(PATIENCE_S, now, go_on)

        def answered(is_there: bool, then: float) -> None:
            nonlocal stands
            stands = is_there
            self._streams.learn(stream, is_there, then)
            turn(then)

        self._core.world.reach.open_stream(stream, answered)

    def _start_over(self, letter: _Letter, stream: Hop, now: float) -> None:
        """Our Via and Record-Route name the listener of that transport, so that answers and what the other side says
        within the dialog find us when it opens a connection of its own."""
        core, branch = self._core, letter.branch
        here = core.facing(stream)
        if here is None:
            self._start_datagram(letter, now)
            return
        branch_id, data = self._addressed(letter, stream, here)
        call_id, method = letter.fork.request.call_id, letter.fork.request.method
        transport, size = str(stream.transport), len(data)
        core.note(call_id, "size.transport-changed", now, method=method, bytes=size, transport=transport)
        branch.otherwise = partial(self._after_all, letter, stream)
        self._start(letter, branch_id, data, stream, now)
        if letter.fork.is_invite:
            core.timers.start(SILENCE_S, now, branch.on_silence)

    def _after_all(self, letter: _Letter, stream: Hop, now: float) -> None:
        """The connection broke, or brought nothing: as a datagram, and as a new request, if the first was read."""
        fork, branch, onward, _ = letter
        self._streams.learn(stream, False, now)
        if branch.party is not None and not fork.request.to_tag:
            branch.cseq_shift += 1
            branch.party.cseq_shift = onward.cseq_shift = branch.cseq_shift
        self._start_datagram(letter, now)

    def _start_datagram(self, letter: _Letter, now: float) -> None:
        branch = letter.branch
        branch_id, data = self._addressed(letter, branch.hop, letter.here)
        data = self._fitted(letter.fork.request, data, self._limit(branch.hop), now, _diet(branch.heading))
        self._start(letter, branch_id, data, branch.hop, now)

    def written(
        self,
        arrival: Arrival,
        hop: Hop,
        heading: Heading,
        party: Party | None,
        call: RunningCall | None,
        branch_id: str,
        now: float,
        path: tuple[str, ...] = (),
    ) -> bytes:
        """The bytes of a request for one hop that belongs to no fork, as small as may be. Raises Refusal."""
        here = self._facing(hop)
        onward = self._onward(arrival, hop, heading, party, call, now, path, heading.cseq_shift)
        onward.via = via_line(hop.transport, here, branch_id)
        data = forwarded_request(arrival.message, arrival.via, onward)
        if not hop.transport.is_reliable and len(data) > _SAFE_ANYWHERE_BYTES and len(data) > self._limit(hop):
            data = self._fitted(arrival.message, data, self._limit(hop), now)
        if call is not None and onward.body:
            self._anchoring.sent(call, onward.body, data, now)
        return data

    def _onward(
        self,
        arrival: Arrival,
        hop: Hop,
        heading: Heading,
        party: Party | None,
        call: RunningCall | None,
        now: float,
        path: tuple[str, ...],
        cseq_shift: int,
    ) -> Onward:
        """What changes in a request towards a hop, but for our Via and Record-Route. Raises Refusal."""
        routes = heading.route_texts
        if path:
            routes = [*path, *(routes or ())]
        changes = heading.changes
        try:
            body = self._anchoring.request_body(call, party, arrival, hop, now, changes)
        except MediaFailed as failed:
            raise Refusal(failed.status, failed.reason) from failed
        gone, line = self._identity(arrival, hop, heading)
        if changes is not None:
            gone, line = tuple(dict.fromkeys((*gone, *changes.removed))), line + changes.added
        uri = heading.uri
        if party is not None and arrival.message.to_tag:
            uri = remote_target(uri, party.contact, is_page=arrival.flow.transport.is_websocket)
        through = party.through if party is not None else None
        if through is not None and arrival.message.method != "ACK":
            line += through.credentials.lines(arrival.message.method, uri, body or arrival.message.body)
        ours = self._core.settings.realm if arrival.message.frame.bears_credentials() else ""
        onward = Onward(uri, "", "", routes, body, ours, gone, line, cseq_shift)
        onward.back_shift = heading.back_shift
        _rename(onward, arrival.message, heading, party, call)
        is_to_caller = call is not None and party is call.caller
        self._spell(onward, arrival.message, party, hop, now, is_to_caller=is_to_caller)
        if ours and bears_ours(arrival.message, ours):
            method, target = arrival.message.method, str(hop.remote)
            self._core.note(arrival.message.call_id, "auth.kept-back", now, method=method, target=target)
        return onward

    def _spell(
        self, onward: Onward, request: Message, party: Party | None, hop: Hop, now: float, *, is_to_caller: bool
    ) -> None:
        """Let everybody see From, To and Contact in a form that can be read, and whom to call next. The names of its
        dialog the caller wrote itself."""
        is_page = hop.transport.is_websocket
        is_as_it_came = not (onward.sender or onward.receiver) and request.method != "REFER"
        if is_as_it_came and request.frame.names_are_legible(is_page):
            return
        domain = self._core.domain_at(self._facing(hop))
        if not is_to_caller:
            self._spell_names(onward, request, party, domain, now, is_page=is_page)
        if request.method == "REFER" and (spelt := legible(request.first("Refer-To") or "", domain, is_page=is_page)):
            onward.withheld = (*onward.withheld, "Refer-To")
            onward.asserted += f"Refer-To: {spelt}\r\n"
        if spelt := legible_contact(request, domain, is_page=is_page):
            onward.withheld = (*onward.withheld, "Contact")
            onward.asserted += f"Contact: {spelt}\r\n"

    def _spell_names(
        self, onward: Onward, request: Message, party: Party | None, domain: str, now: float, *, is_page: bool
    ) -> None:
        sender, receiver = onward.sender or request.first("From") or "", onward.receiver or request.first("To") or ""
        if spelt := legible(sender, domain, is_page=is_page):
            onward.sender = spelt
            if party is not None and not request.to_tag:
                party.caller_as = spelt
                self._core.note(request.call_id, "name.spelt", now, shown=spelt, name=sender)
        if spelt := legible(receiver, domain, is_page=is_page):
            onward.receiver = spelt
            if not request.to_tag:
                self._core.note(request.call_id, "name.spelt", now, shown=spelt, name=receiver)

    def _limit(self, hop: Hop) -> int:
        """How many bytes go there in a datagram that is not cut into fragments."""
        mtu = self._core.world.reach.path_mtu(hop.remote.host)
        return _SAFE_DATAGRAM_BYTES if mtu is None else min(_SAFE_DATAGRAM_BYTES, mtu - _MTU_SPARED_BYTES)

    def _fitted(self, request: Message, data: bytes, limit: int, now: float, diet: tuple[str, ...] = ()) -> bytes:
        """A request that may be cut into fragments on its way, as small as it may be made; `diet` is what this one
        can do without, before what all can."""
        core, method = self._core, request.method
        for smaller, what in slimmed(data, limit, (*diet, *core.settings.diet) if diet else core.settings.diet):
            core.note(
                request.call_id, "size.slimmed", now, method=method, before=len(data), after=len(smaller), what=what
            )
            data = smaller
        if len(data) > limit:
            core.note(request.call_id, "size.risky", now, method=method, bytes=len(data), limit=limit)
        return data

    def _identity(self, arrival: Arrival, hop: Hop, heading: Heading) -> tuple[tuple[str, ...], str]:
        """What is said of the sender and goes, and what we say of it ourselves (`identity.py`)."""
        core, request = self._core, arrival.message
        is_named = names_sender(request)
        if not is_named and not arrival.proven:
            return (), ""
        # What we have proven replaces whatever the sender says, be it trusted or not.
        from_trusted = not arrival.proven and (bool(arrival.node) or core.is_peer(arrival))
        to_trusted = heading.through is not None or core.is_trusted(hop.remote.host)
        changes = heading.changes
        if changes is not None and changes.sender and not to_trusted:
            # A phone shows these before From, which is another now.
            return SAID, ""
        gone = withheld(request, from_trusted=from_trusted, to_trusted=to_trusted) if is_named else ()
        if changes is not None and says_otherwise(changes):
            return gone, ""
        if not arrival.proven or not (to_trusted or heading.is_phone):
            return gone, ""
        return gone, asserted(request, arrival.proven, core.domain_of(arrival), to_trusted=to_trusted)

    def _facing(self, hop: Hop) -> Address:
        """What we call ourselves towards a hop. Raises Refusal."""
        here = self._core.facing(hop)
        if here is None:
            raise Refusal(500, f"No {hop.transport} listener reaches the target")
        return here

    def _recorded(self, fork: Fork, hop: Hop, here: Address, cseq_shift: int) -> str:
        """Our Record-Route: one line where both sides meet the same socket, else one for each side, the far side
        on top (RFC 5658). Nothing for what makes no dialog or runs in one."""
        arrival = fork.arrival
        if arrival.message.to_tag or arrival.message.method not in _DIALOG_MAKING:
            return ""
        caller = fork.call.caller.flow if fork.call is not None else None
        core, source = self._core, caller if isinstance(caller, Flow) else self._asker_at(arrival)
        tag, call_id = arrival.message.from_tag, arrival.message.call_id
        near = core.locality.named(source)
        far = hop if isinstance(hop, Flow) else Flow(hop.transport, here, hop.remote)
        # A connection that does not stand yet has no name that another token could hold.
        is_named = isinstance(hop, Flow) or not hop.transport.is_reliable
        if is_named and (hop.transport, here) == (source.transport, near):
            token = core.tokens.make(source, far, tag, call_id, cseq_shift)
            return record_route_line(source.transport, near, token)
        token = core.tokens.make(None, far, tag, call_id, cseq_shift)
        facing_callee = record_route_line(hop.transport, here, token)
        return facing_callee + record_route_line(source.transport, near, core.tokens.make(source, None, tag, call_id))

    def _asker_at(self, arrival: Arrival) -> Flow:
        """Where requests of the dialog go that this request makes outside any call of ours (SUBSCRIBE, and what we
        pass on for another node: over a connection to it, whichever stands then)."""
        request = arrival.message
        there = self._core.world.nodes.way_to(arrival.node) if arrival.node else None
        if there is not None and there.transport is arrival.flow.transport:
            return Flow(there.transport, arrival.flow.local, there.remote)
        if request.frame.index("Contact") < 0 or request.frame.index("Record-Route") >= 0:
            return arrival.reply_to
        try:
            return reached_at(arrival.reply_to, request.address("Contact").uri, arrival.behind_nat)
        except Malformed:
            return arrival.reply_to


def _diet(heading: Heading) -> tuple[str, ...]:
    """What the description of this request can do without, as whoever routed it says."""
    return heading.changes.diet if heading.changes is not None else ()


def _rename(
    onward: Onward, request: Message, heading: Heading, party: Party | None, call: RunningCall | None
) -> None:
    """Whom the caller is called towards a callee, from the INVITE on and in both directions."""
    if not request.to_tag:
        if heading.changes is not None and heading.changes.sender:
            onward.sender = f"{heading.changes.sender};tag={request.from_tag}"
            if party is not None:
                party.caller_as = onward.sender
    elif party is not None and party.caller_as:
        onward.sender = party.caller_as
    elif call is not None and party is call.caller:
        pair = call.sides(request)
        if pair is not None and pair[0].caller_as:
            onward.receiver = call.caller.name
        if pair is not None and legible(pair[0].name, "", is_page=pair[0].place.transport.is_websocket):
            # Who was called by what it can read calls itself so.
            onward.sender = pair[0].name
