"""Calls of a node that died and whose addresses nobody gets: each side is asked, by a re-INVITE in the name of the
other, to send its media here from now on.

    both can be reached            the callee is offered what the caller said last, with ports of ours; what it
                                   answers is offered to the caller
    one cannot be yet              its connection ended with the node, or a NAT lets only that node in: it may
                                   register anywhere within `GRACE_S`
    one does not come, refuses     the call is ended on both sides
    or does not answer

It is the same as a hold that is taken back, so a phone that can be held bears it. The media go on with the keys that
they had, ours too, their indices stepped ahead (`relay/ahead.rs`): some phones take no other SDES key within a call,
and a page goes on with its DTLS association as long as the other side shows the certificate that it did, which all
nodes of a cluster have. Only the ports are other ones, and ICE is restarted. Each side has got a request that the
other did not send, so their CSeq numbers differ by one from then on (`Party.cseq_shift`). No phone changes its route
set by a re-INVITE (RFC 3261 section 12.2): what it says within the call goes to where the old Record-Route leads.
"""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

from msgspec.structs import replace

from talkpath.base.address import Address, Flow, Target, Transport
from talkpath.base.errors import Malformed
from talkpath.base.unsent import Unsent
from talkpath.calls.trace import NODE_DIED
from talkpath.edge.calls.anchoring import Anchoring, MediaFailed
from talkpath.edge.calls.call import Party, Phase, RunningCall
from talkpath.edge.calls.ending import Ending
from talkpath.edge.core import Core
from talkpath.edge.forwarding.forwarding import via_line
from talkpath.edge.nodes.record import CallRecord, HopRecord
from talkpath.edge.routing.routing import present
from talkpath.media.policy import GRACE_S
from talkpath.sip.message import Message
from talkpath.sip.transaction import ClientTransaction
from talkpath.sip.uri import sip_uri

# How long a node that is silent in the engine may take to answer for itself.
_PATIENCE_S = 2.0
# How often we look whether who is away has come back; how long the other side may take to give up its own re-INVITE.
_LOOK_S = 0.2
_GLARE_S = 2.1

_NOT_RESCUED = 'Q.850;cause=41;text="The server of the call died, and {why}"'


class Left(NamedTuple):
    """What a node left of a call: its record, what the engine knew of its ports, and which of the heirs this is."""

    record: CallRecord
    ports: bytes
    heir: int


class Rescue:
    """See the module's docstring."""

    def __init__(self, core: Core, anchoring: Anchoring, ending: Ending) -> None:
        self._core = core
        self._anchoring = anchoring
        self._ending = ending
        #: calls whose sides have not both agreed yet: what was said of them before is still the best to begin from
        self.pending: set[RunningCall] = set()

    def begin(self, call: RunningCall, left: Left, frm: str, now: float) -> None:
        """Go on with an answered call of the node `frm`, of which its parties do not know yet."""
        record = left.record
        for party in (call.caller, *call.callees.values()):
            _let_go(party, frm)
        callees = call.lasting()
        if len(callees) != 1 or record.service is not None:
            self._fail(call, "its call cannot go on at another", now)
            return
        if record.media is None:
            return  # nothing was described, so nothing is to be moved
        self.pending.add(call)
        (callee,) = callees
        said, answered = record.media.said_by(call.caller.leg), record.media.said_by(callee.leg)
        if said is None or answered is None:
            self._fail(call, "what its sides said is not known", now)
        else:
            self._wait(call, callee, said, left, now + GRACE_S, now)

    def _wait(self, call: RunningCall, callee: Party, said: bytes, left: Left, until: float, now: float) -> None:
        """Both must be there before either is asked: who hears nothing may wait, who is alone in a call does not."""
        if self._is_over(call, callee):
            return
        away = next((one for one in (call.caller, callee) if self._ending.hop_to(one, now) is None), None)
        if away is None:
            self._ask(call, callee, said, left, now)
        elif now >= until:
            self._fail(call, "the other side did not come back", now)
        else:
            again = partial(self._wait, call, callee, said, left, until)
            self._core.timers.start(_LOOK_S, now, again)

    def _ask(self, call: RunningCall, callee: Party, said: bytes, left: Left, now: float) -> None:
        for party in (call.caller, callee):
            _find(self._core, party, now)
        media, recorded = left.record.media, left.record.recorded
        try:
            if media is not None:
                self._anchoring.go_on_elsewhere(call, callee, media, left.ports, left.heir, now)
        except MediaFailed:
            self._fail(call, "its media cannot go on at another", now)
            return
        if recorded is not None:
            self._core.recordings.go_on(call, recorded, now)

        def then(answer: Message, at: float) -> None:
            self._offer(call, callee, call.caller, callee, answer.sdp, lambda last, end: self._done(call, end), at)

        self._offer(call, callee, callee, call.caller, said, then, now)

    def _offer(
        self,
        call: RunningCall,
        callee: Party,
        to: Party,
        other: Party,
        said: bytes,
        then: Callable[[Message, float], None],
        now: float,
    ) -> None:
        """Ask one side, in the name of the other, for which `said` speaks."""
        if self._is_over(call, callee):
            return
        to.cseq_shift += 1
        asked = _Asked(self, call, callee, to, other, said, then)
        try:
            body = self._anchoring.offered(call, said, other, to, asked.number, now)
        except MediaFailed:
            self._fail(call, "its media cannot go on at another", now)
            return
        fields = f"Contact: <{other.contact}>\r\nContent-Type: application/sdp\r\n"
        letter = self._ending.letter("INVITE", asked.number, call.call_id, to, other, now, fields, body=body)
        if letter is None:
            self._fail(call, "a side cannot be reached", now)
            return
        layer = self._core.transactions
        layer.start(letter.branch, "INVITE", call.call_id, letter.data, letter.hop, asked, now)
        self._core.timers.start(GRACE_S, now, asked.on_patience_over)

    def ask(self, there: Target, done: Callable[[bool, float], None], now: float) -> None:
        """Whether another node answers; `done` hears that within `_PATIENCE_S`, and the time."""
        core = self._core
        here = core.facing(there)
        if here is None:
            done(False, now)
            return
        branch, call_id = core.branch(), core.fresh()
        question = _Question(done)
        uri = sip_uri(there.remote, there.transport)
        data = (
            f"OPTIONS {uri} SIP/2.0\r\n{via_line(there.transport, here, branch)}Max-Forwards: 70\r\n"
            f"From: <{sip_uri(here, there.transport)}>;tag={core.fresh()}\r\nTo: <{uri}>\r\nCall-ID: {call_id}\r\n"
            "CSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n"
        ).encode()
        core.transactions.start(branch, "OPTIONS", call_id, data, there, question, now)
        core.timers.start(_PATIENCE_S, now, question.on_patience_over)

    # --- what who was asked reports

    def answered(self, asked: "_Asked", answer: Message, now: float) -> None:
        """It sends here from now on."""
        call, to, other = asked.call, asked.to, asked.other
        letter = self._ending.letter("ACK", asked.number, call.call_id, to, other, now)
        if letter is not None:
            self._core.send(letter.hop, letter.data, call.call_id)
        if asked.is_over:
            return
        asked.is_over = True
        try:
            to.refresh(answer)
            self._anchoring.accepted(call, answer, to, other, asked.number, now)
        except (MediaFailed, Malformed):
            self._fail(call, "an answer cannot be used", now)
            return
        asked.then(answer, now)

    def refused(self, asked: "_Asked", status: int, now: float) -> None:
        """It refuses; who asked for something itself at that moment is asked again (RFC 3261 section 14.1)."""
        if asked.is_over:
            return
        asked.is_over = True
        if status == 491:
            self._anchoring.taken_back(asked.call, asked.to, asked.other, asked.number, now)
            again = partial(self._offer, asked.call, asked.callee, asked.to, asked.other, asked.said, asked.then)
            self._core.timers.start(_GLARE_S, now, again)
        else:
            self._fail(asked.call, f"a side did not agree ({status})", now)

    def _is_over(self, call: RunningCall, callee: Party) -> bool:
        """Whether somebody hung up meanwhile."""
        is_over = call.phase is not Phase.ANSWERED or callee.is_hanging_up
        if is_over:
            self.pending.discard(call)
        return is_over

    def _done(self, call: RunningCall, now: float) -> None:
        self.pending.discard(call)
        self._core.touch(call)
        self._core.note(call.call_id, "node.rescued", now)

    def _fail(self, call: RunningCall, why: str, now: float) -> None:
        self.pending.discard(call)
        if call.phase is Phase.ANSWERED:
            self._core.note(call.call_id, "node.not-rescued", now, why=why)
            self._ending.end_on_both_sides(call, NODE_DIED, _NOT_RESCUED.format(why=why), now)


class _Asked:
    """A side that was asked. Implements what transactions ask of their owner."""

    __slots__ = ("_rescue", "call", "callee", "is_over", "number", "other", "said", "then", "to")

    def __init__(
        self,
        rescue: Rescue,
        call: RunningCall,
        callee: Party,
        to: Party,
        other: Party,
        said: bytes,
        then: Callable[[Message, float], None],
    ) -> None:
        self._rescue = rescue
        self.call = call
        self.callee = callee
        self.to = to
        self.other = other
        self.said = said
        self.then = then
        #: the CSeq as its receiver sees it
        self.number = other.cseq + to.cseq_shift
        self.is_over = False

    def on_response(self, transaction: ClientTransaction, response: Message, now: float) -> None:
        if 200 <= response.status < 300:
            self._rescue.answered(self, response, now)
        elif response.status >= 300:
            self._rescue.refused(self, response.status, now)

    def on_timeout(self, transaction: ClientTransaction, now: float) -> None:
        self._rescue.refused(self, 408, now)

    def on_unsendable(self, transaction: ClientTransaction, why: Unsent, now: float) -> None:
        self._rescue.refused(self, 503, now)

    def on_patience_over(self, now: float) -> None:
        self._rescue.refused(self, 408, now)


class _Question:
    """Whether a node is there. Implements what transactions ask of their owner."""

    __slots__ = ("_done",)

    def __init__(self, done: Callable[[bool, float], None]) -> None:
        self._done: Callable[[bool, float], None] | None = done

    def _say(self, is_there: bool, now: float) -> None:
        done, self._done = self._done, None
        if done is not None:
            done(is_there, now)

    def on_response(self, transaction: ClientTransaction, response: Message, now: float) -> None:
        self._say(True, now)

    def on_timeout(self, transaction: ClientTransaction, now: float) -> None:
        self._say(False, now)

    def on_unsendable(self, transaction: ClientTransaction, why: Unsent, now: float) -> None:
        self._say(False, now)

    def on_patience_over(self, now: float) -> None:
        self._say(False, now)


def _find(core: Core, party: Party, now: float) -> None:
    """Where a party is that came back: what faces it there is chosen by that."""
    binding = present(core, party, now)
    way = None if binding is None else core.world.nodes.way_to(binding.node)
    if binding is None or not party.node:
        return
    if way is not None:
        party.spoke_to(binding.node, binding.flow, binding.behind_nat, way)
    elif not binding.node:
        party.speaks_from(binding.flow, binding.behind_nat)


def _let_go(party: Party, frm: str) -> None:
    """Its flow was of the node `frm`: a connection ended with it, and a NAT lets only that node in."""
    flow = party.flow
    if not party.node and isinstance(flow, Flow) and (flow.transport.is_reliable or party.behind_nat):
        party.node, party.at = frm, flow


def moved(record: CallRecord, facing: Callable[[Transport, str], Address | None]) -> CallRecord:
    """The record of a call whose parties meet another address of ours than before."""

    def here(hop: HopRecord) -> HopRecord:
        local = facing(hop.transport, hop.remote.host) if hop.local is not None and not hop.connection else None
        return hop if local is None else replace(hop, local=local)

    ringing = record.ringing
    if ringing is not None:
        branches = tuple([replace(one, hop=here(one.hop)) for one in ringing.branches])
        ringing = replace(ringing, flow=here(ringing.flow), branches=branches)
    caller, *callees = (replace(one, hop=here(one.hop)) for one in (record.caller, *record.callees))
    return replace(record, caller=caller, callees=tuple(callees), ringing=ringing)
