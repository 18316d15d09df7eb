"""Answers within a call for which nobody waits here: their INVITE was sent by a process that is gone.

Who accepts an INVITE repeats that until the ACK comes, and hangs up when none does (RFC 3261 section 13.3.1.4). An
ACK that was sent while nobody had our address is lost, and so is what waited for the answer to a re-INVITE. The call
knows both sides by their tags, so the answer goes on to who asked, who acknowledges it, or does so again.

    2xx to an offer that is known     goes on, its media as agreed
    2xx to one that is not            acknowledged in the name of who asked, who hears 500; the agreement before stays
    3xx to 6xx                        acknowledged here (section 17.1.1.3), and goes on; the agreement before stays
    who asked cannot be reached       acknowledged in its name
    who rang beside who answered      acknowledged, and hung up on where it accepts
"""

from contextlib import suppress

from talkpath.base.address import Hop
from talkpath.base.errors import Malformed
from talkpath.edge.calls.anchoring import Anchoring, MediaFailed
from talkpath.edge.calls.call import Party, Phase, RunningCall
from talkpath.edge.calls.ending import TOO_LATE, Ending
from talkpath.edge.core import Core
from talkpath.edge.forwarding.forwarding import Backward, forwarded_response
from talkpath.media.negotiation import Exchange
from talkpath.media.policy import CALLER
from talkpath.sip.message import Message


class LateAnswers:
    """See the module's docstring."""

    def __init__(self, core: Core, anchoring: Anchoring, ending: Ending) -> None:
        self._core = core
        self._anchoring = anchoring
        self._ending = ending

    def take(self, response: Message, now: float) -> bool:
        """Whether it is the answer to an INVITE within a call that runs here, and was brought on."""
        if response.method != "INVITE" or response.status < 200 or not self._core.calls:
            return False
        call = self._core.call_of(response)
        pair = None if call is None or call.phase is not Phase.ANSWERED else call.sides(response)
        if call is None or pair is None:
            return False
        asker, answerer = pair
        callee = asker if answerer is call.caller else answerer
        if not callee.is_confirmed or callee.is_over:
            if answerer is callee:
                self._in_vain(call, callee, response, now)
        elif response.status >= 300:
            self._refused(call, asker, answerer, response, now)
        else:
            self._accepted(call, asker, answerer, response, now)
        return True

    def _accepted(self, call: RunningCall, asker: Party, answerer: Party, response: Message, now: float) -> None:
        hop, exchange, body = self._ending.hop_to(asker, now), _exchange(answerer, response), None
        if response.carries_sdp:
            if not self._anchoring.expects(call, answerer, asker, exchange):
                self._ending.acknowledge(call, answerer, asker, exchange.cseq, now)
                self._core.note(call.call_id, "node.offer-lost", now)
                if hop is not None:
                    self._core.send(hop, _failure(response, exchange.cseq), call.call_id)
                return
            try:
                body = self._anchoring.late_body(call, answerer, asker, exchange, response, now)
            except MediaFailed:
                self._ending.acknowledge(call, answerer, asker, exchange.cseq, now)
                return
        if hop is None:
            self._ending.acknowledge(call, answerer, asker, exchange.cseq, now)
            return
        self._pass_on(call, asker, hop, exchange, response, body, now)

    def _in_vain(self, call: RunningCall, callee: Party, response: Message, now: float) -> None:
        if response.status < 300:
            with suppress(Malformed):
                callee.refresh(response)
            self._ending.refuse_answer(call, callee, TOO_LATE, now)
        else:
            self._ending.acknowledge_refusal(call, callee, call.caller, response, now)

    def _refused(self, call: RunningCall, asker: Party, answerer: Party, response: Message, now: float) -> None:
        exchange = _exchange(answerer, response)
        self._ending.acknowledge_refusal(call, answerer, asker, response, now)
        if call.media is not None:
            call.media.rejected(frm=answerer.leg, to=asker.leg, exchange=exchange._replace(status=0), now=now)
            self._anchoring.tell(call, now)
        hop = self._ending.hop_to(asker, now)
        if hop is not None:
            self._pass_on(call, asker, hop, exchange, response, None, now)

    def _pass_on(
        self,
        call: RunningCall,
        asker: Party,
        hop: Hop,
        exchange: Exchange,
        response: Message,
        body: bytes | None,
        now: float,
    ) -> None:
        back = Backward(body)
        if response.cseq.number != exchange.cseq:
            back.cseq = f"{exchange.cseq} INVITE"
        if asker is call.caller:
            back.sender = asker.name
        elif asker.caller_as:
            back.receiver = call.caller.name
        self._core.counters["late_answers"] += 1
        self._core.note(call.call_id, "node.answer-brought", now, status=response.status)
        self._core.send(hop, forwarded_response(response, back), call.call_id)


def _exchange(answerer: Party, response: Message) -> Exchange:
    """The INVITE, by the number that its sender gave it."""
    shift = 0 if answerer.leg == CALLER else answerer.cseq_shift
    return Exchange("INVITE", response.cseq.number - shift, response.status)


def _failure(response: Message, cseq: int) -> bytes:
    """The refusal of the INVITE that this response was an answer to (RFC 3261 section 8.2.6)."""
    lines = ["SIP/2.0 500 The server that had this offer died"]
    lines += [f"Via: {value}" for value in response.listed("Via")[1:]]
    lines += [f"From: {response.first('From')}", f"To: {response.first('To')}", f"Call-ID: {response.call_id}"]
    lines += [f"CSeq: {cseq} INVITE", "Content-Length: 0\r\n\r\n"]
    return "\r\n".join(lines).encode("utf-8", "surrogateescape")
