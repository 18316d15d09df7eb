"""How a request goes on: the bytes for one hop, with our Via, Record-Route and media, and the branch that waits for
an answer (RFC 3261 section 16.6). Where it goes is decided elsewhere.
"""

from talkpath.base.address import Address, Flow, Hop, Transport
from talkpath.base.errors import Malformed
from talkpath.edge.anchoring import Anchoring, MediaFailed
from talkpath.edge.arrival import Arrival
from talkpath.edge.call import Party, RunningCall
from talkpath.edge.contact import reached_at
from talkpath.edge.core import Core
from talkpath.edge.fork import Branch, Fork
from talkpath.edge.forwarding import Onward, forwarded_request, max_forwards, record_route_line, via_line
from talkpath.edge.identity import asserted, names_sender, withheld
from talkpath.edge.routing import Heading, Refusal
from talkpath.edge.slimming import slimmed
from talkpath.media.policy import Profile
from talkpath.sip.message import Message

# Requests that make a dialog, and so are record-routed (RFC 3261 16.6 step 4; RFC 6665, RFC 3515).
_DIALOG_MAKING = frozenset(("INVITE", "SUBSCRIBE", "REFER"))
# RFC 3261 section 18.1.1: larger requests may be cut into fragments on a path of unknown MTU.
_SAFE_DATAGRAM_BYTES = 1300


class Sending:
    """Writes requests for their next hop and starts their branches."""

    def __init__(self, core: Core, anchoring: Anchoring) -> None:
        self._core = core
        self._anchoring = anchoring

    def send(
        self, fork: Fork, hop: Hop, heading: Heading, party: Party | None, now: float, path: tuple[str, ...] = ()
    ) -> Branch:
        """Start a branch of a fork. Raises Refusal."""
        core, request = self._core, fork.request
        branch = Branch(fork, hop, party, heading, path)
        if not request.to_tag and party is not None:
            branch.cseq_shift = party.cseq_shift
        else:
            branch.cseq_shift = heading.cseq_shift
        branch_id = core.branch(_loop_mark(request, heading.uri, branch.cseq_shift))
        record = self._recorded(fork, hop, branch.cseq_shift)
        branch.record_routes = record.count("\n")
        data = self.written(
            fork.arrival, hop, heading, party, fork.call, branch_id, now, record, path, branch.cseq_shift
        )
        if party is not None and not request.to_tag:
            branch.offered, branch.asked = Profile.of(data), data
        fork.branches.append(branch)
        fork.send(branch, branch_id, data, now)
        return branch

    def written(
        self,
        arrival: Arrival,
        hop: Hop,
        heading: Heading,
        party: Party | None,
        call: RunningCall | None,
        branch_id: str,
        now: float,
        record: str = "",
        path: tuple[str, ...] = (),
        cseq_shift: int = 0,
    ) -> bytes:
        """The bytes of a request for one hop. Raises Refusal."""
        core, request = self._core, arrival.message
        here = self._facing(hop)
        routes = heading.route_texts
        if path:
            routes = [*path, *(routes or ())]
        try:
            body = self._anchoring.request_body(call, party, arrival, hop, now)
        except MediaFailed as failed:
            raise Refusal(failed.status, failed.reason) from failed
        via, (gone, line) = via_line(hop.transport, here, branch_id), self._identity(arrival, hop, heading)
        onward = Onward(heading.uri, via, record, routes, body, core.settings.realm, gone, line, cseq_shift)
        data = forwarded_request(request, arrival.via, onward)
        if hop.transport is Transport.UDP and len(data) > _SAFE_DATAGRAM_BYTES:
            return self._fitted(request, data, now)
        return data

    def _fitted(self, request: Message, data: bytes, now: float) -> bytes:
        """A request that may be cut into fragments on its way, as small as it may be made."""
        core, limit, method = self._core, _SAFE_DATAGRAM_BYTES, request.method
        for smaller, what in slimmed(data, limit, core.settings.diet):
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
        from_trusted = not arrival.proven and core.is_trusted(arrival.flow.remote.host)
        to_trusted = core.is_trusted(hop.remote.host)
        gone = withheld(request, from_trusted=from_trusted, to_trusted=to_trusted) if is_named else ()
        if not arrival.proven or not (to_trusted or heading.is_phone):
            return gone, ""
        return gone, asserted(request, arrival.proven, core.domain_of(arrival), to_trusted=to_trusted)

    def _facing(self, hop: Hop) -> Address:
        """What we call ourselves towards a hop. Raises Refusal."""
        here = self._core.facing(hop)
        if here is None:
            raise Refusal(500, f"No {hop.transport} listener reaches the target")
        return here

    def _recorded(self, fork: Fork, hop: Hop, cseq_shift: int) -> str:
        """Our Record-Route: one line where both sides meet the same socket, else one for each side, the far side
        on top (RFC 5658). Nothing for what makes no dialog or runs in one."""
        arrival = fork.arrival
        if arrival.message.to_tag or arrival.message.method not in _DIALOG_MAKING:
            return ""
        caller = fork.call.caller.flow if fork.call is not None else None
        core, source = self._core, caller if isinstance(caller, Flow) else _asker_at(arrival)
        tag, call_id = arrival.message.from_tag, arrival.message.call_id
        here = self._facing(hop)
        near = core.locality.named(source)
        far = hop if isinstance(hop, Flow) else None
        if far is not None and (hop.transport, here) == (source.transport, near):
            token = core.tokens.make(source, far, tag, call_id, cseq_shift)
            return record_route_line(source.transport, near, token)
        target = far if far is not None else Flow(hop.transport, here, hop.remote)
        token = core.tokens.make(None, target, tag, call_id, cseq_shift)
        facing_callee = record_route_line(hop.transport, here, token)
        return facing_callee + record_route_line(source.transport, near, core.tokens.make(source, None, tag, call_id))


def _asker_at(arrival: Arrival) -> Flow:
    """Where requests of the dialog go that this request makes outside any call (SUBSCRIBE)."""
    request = arrival.message
    if request.frame.index("Contact") < 0 or request.frame.index("Record-Route") >= 0:
        return arrival.reply_to
    try:
        return reached_at(arrival.reply_to, request.address("Contact").uri, arrival.behind_nat)
    except Malformed:
        return arrival.reply_to


def _loop_mark(request: Message, uri: str, cseq_shift: int = 0) -> str:
    """What stays the same when a request that we send with this CSeq loops (RFC 3261 section 16.6 step 8)."""
    number, method = request.cseq
    number += max(0, cseq_shift)
    return f"{hash((uri, request.call_id, request.from_tag, request.to_tag, number, method)) & 0xFFFFFFFF:x}"


def is_looping(request: Message) -> bool:
    """Whether one of the Via branches is one that we made for this very request (16.3 step 4)."""
    vias = request.all("Via")
    if len(vias) == 1 and "," not in vias[0]:
        return False
    mark = f".{_loop_mark(request, request.uri)}"
    return any(mark in value for value in vias)


def has_hops_left(request: Message) -> bool:
    """RFC 3261 section 16.3 step 3."""
    return max_forwards(request) > 0
