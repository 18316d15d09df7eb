"""Builds a `Call` from what was seen: what the hops mean together.

The running edge's traces and the captures' come through here alike. `summary_of` is the short way for a trace of the
running edge: it reads the caller's side only, which says all that a list needs.
"""

import re
from collections.abc import Sequence

from talkpath._native import Hop, fold
from talkpath.base.errors import Malformed
from talkpath.base.readable import readable
from talkpath.calls.ids import id_of
from talkpath.calls.legs import Placed, leg_of, placed_hops
from talkpath.calls.media import streams_of
from talkpath.calls.model import Call, Leg, Party, Result, Side, Stream, Summary
from talkpath.calls.trace import NODE_DIED, Trace, seen_live
from talkpath.sip.message import Message

# An address in angle brackets without escapes, an odd port or anything else that needs a parser.
_PLAIN = re.compile(
    r'(?:"([^"\\]*)"\s*|([A-Za-z0-9 ]*))'
    r"<sips?:([A-Za-z0-9_.+-]+)@([A-Za-z0-9.-]+)(?::[1-9]\d{0,3})?(?:;[\w=.-]+)*>(?:;|$)"
)
# Ends of a call without an answer that no party chose.
_FAILURES = ("flow-gone", "node-stopped", NODE_DIED)
# A SIP URI whose user part has neither escapes nor parameters nor a password.
_PLAIN_USER = re.compile(r"^[^<]*<?sips?:([A-Za-z0-9_.+\-]+)@")


#: When, by whom and how a call ended.
End = tuple[float | None, Side, str]


def call_of(trace: Trace) -> Call:
    """Everything known of the call whose rows are in `trace`."""
    legs = legs_of(placed_hops(fold([(seen_live(*row), row[3]) for row in trace.live])))
    return assemble(legs, trace, streams_of(trace, legs), end_of(legs, trace))


# --- the call


def legs_of(hops: Sequence[Placed]) -> tuple[Leg, ...]:
    """The hops of a call as the model has them."""
    return tuple(leg_of(hop, index, parent, joined) for index, (hop, parent, joined) in enumerate(hops))


def assemble(legs: tuple[Leg, ...], trace: Trace, streams: tuple[Stream, ...], end: End) -> Call:
    """The call that these legs make. The first one is the caller's; `end` is what `end_of` says of them."""
    first, last = legs[0], _answering_leg(legs)
    ended_at, ended_by, ended_how = end
    return Call(
        id=id_of(trace.call_ids[0], first.start),
        call_ids=tuple(dict.fromkeys([*trace.call_ids, *(leg.call_id for leg in legs)])),
        caller=_caller(first),
        callee=_callee(first, last),
        start=first.start,
        ringing_at=first.ringing_at,
        answered_at=first.answered_at,
        ended_at=ended_at,
        result=_result_of(first.result, first.answered_at, first.ringing_at, trace),
        status=first.status,
        reason=first.reason,
        ended_by=ended_by,
        ended_how=ended_how,
        legs=legs,
        moments=tuple(trace.moments),
        streams=streams,
        records=tuple(trace.records),
        left_out=trace.left_out,
        is_own=bool(trace.messages),
    )


def _answering_leg(legs: tuple[Leg, ...]) -> Leg:
    """The last hop towards the phone that answered; without an answer the last hop that was tried."""
    answered = [leg for leg in legs if leg.answered_at is not None] or list(legs)
    parents = {leg.parent for leg in answered}
    ends = [leg for leg in answered if leg.index not in parents]
    return (ends or answered)[-1]


def end_of(legs: tuple[Leg, ...], trace: Trace | None) -> End:
    """When, by whom and how it ended: by what the edge decided (its `trace`), else by the first BYE on any hop."""
    if trace is not None and trace.ended_at is not None:
        return trace.ended_at, trace.ended_by, trace.ended_how
    byes = [leg for leg in legs if leg.ended_how == "bye"]
    end = min(byes, key=lambda leg: leg.ended_at or 0.0) if byes else legs[0]
    return end.ended_at, _side_of(end, legs), end.ended_how


def _side_of(end: Leg, legs: tuple[Leg, ...]) -> Side:
    """Who ended it, seen from the whole call: a middle box when the hop's end is one."""
    if end.ended_by is Side.CALLER and end.parent is not None:
        return Side.SERVER
    beyond = [leg for leg in legs if leg.parent == end.index]
    if end.ended_by is not Side.CALLEE or not beyond:
        return end.ended_by
    is_passed_on = end.ended_how == "refused" and any(leg.status == end.status for leg in beyond)
    return Side.CALLEE if is_passed_on else Side.SERVER


def _result_of(seen: Result, answered_at: float | None, ringing_at: float | None, trace: Trace) -> Result:
    """The caller's view; a call the edge ended before any final answer is not ongoing, and one of which nothing is
    known but a request within it, which we refused, is none that was answered."""
    if seen is Result.ANSWERED and answered_at is None and trace.ended_how == "refused":
        return Result.FAILED
    if seen is not Result.ONGOING or trace.ended_at is None:
        return seen
    if trace.ended_how == "cancel":
        return Result.CANCELLED
    if trace.ended_how in _FAILURES:
        return Result.FAILED
    return Result.NO_ANSWER if ringing_at is not None else Result.FAILED


def _caller(first: Leg) -> Party:
    user, host, display = named(first.invite, "From")
    return Party(user, host, display, first.caller, first.transport, first.hop.agent(from_caller=True))


def _callee(first: Leg, last: Leg) -> Party:
    user, host, display = named(first.invite, "To")
    return Party(user, host, display, last.callee, last.transport, last.hop.agent(from_caller=False))


def named(sip: Message, name: str) -> tuple[str, str, str]:
    """User, host and display name of From or To; empty where they are unreadable. Nearly all are plain."""
    plain = _PLAIN.match(sip.first(name) or "")
    if plain is not None:
        quoted, token, user, host = plain.groups()
        return user, host.lower(), quoted or (token or "").strip()
    try:
        who = sip.address(name)
        uri = who.parsed_uri()
    except Malformed:
        return "", "", ""
    return uri.username, uri.host, who.display_name


# --- the short way


def summary_of(trace: Trace) -> Summary:
    """The call in one row. Reads the caller's side of a trace of the running edge only."""
    live = trace.live
    time, flow, raw, sent = live[0]
    invite, hop = Message.parse(raw), Hop(seen_live(time, flow, raw, sent))
    for time, other, raw, sent in live[1:]:
        if hop.answered_at is not None:
            break  # the end is the edge's word
        if hop.status >= 300 and not sent and raw.startswith(b"INVITE "):
            flow = other  # with credentials it was too large for UDP (RFC 3261 18.1.1)
        if other.remote == flow.remote and not raw.startswith(b"SIP/2.0 100"):
            hop.learn(time, raw, not sent)
    answered_at, ended_at = hop.answered_at, trace.ended_at
    return Summary(
        id=id_of(trace.call_ids[0], hop.start),
        call_id=readable(trace.call_ids[0]),
        start=hop.start,
        caller=readable(number_of(invite, "From")),
        callee=readable(number_of(invite, "To")),
        source=str(flow.remote),
        result=_result_of(Result(hop.result), answered_at, hop.ringing_at, trace),
        status=hop.status,
        reason=readable(hop.reason),
        ring_s=_since(hop.start, hop.ringing_at),
        answer_s=_since(hop.start, answered_at),
        talk_s=None if answered_at is None else _since(answered_at, ended_at),
        ended_at=ended_at,
        ended_by=trace.ended_by,
        ended_how=trace.ended_how,
    )


def number_of(sip: Message, name: str) -> str:
    """The user, or else the host, of From or To. Nearly all are plain and need no full parser."""
    match = _PLAIN_USER.search(sip.first(name) or "")
    if match is not None:
        return match[1]
    user, host, _ = named(sip, name)
    return user or host


def _since(start: float, end: float | None) -> float | None:
    return None if end is None else max(0.0, end - start)


def summarised(call: Call) -> Summary:
    """The row of a call that was built."""
    return Summary(
        id=call.id,
        call_id=readable(call.call_ids[0]),
        start=call.start,
        caller=readable(call.caller.user or call.caller.host),
        callee=readable(call.callee.user or call.callee.host),
        source=str(call.caller.address),
        result=call.result,
        status=call.status,
        reason=readable(call.reason),
        ring_s=call.ring_s,
        answer_s=call.answer_s,
        talk_s=call.talk_s,
        ended_at=call.ended_at,
        ended_by=call.ended_by,
        ended_how=call.ended_how,
    )
