"""A call as a trace of OpenTelemetry: the call is its root, each INVITE that we sent on a child of it.

SIP has no conventions there; addresses, transport and failures have the names that all protocols share, and what is
of SIP alone is `sip.*`, what is ours `talkpath.*`. The trace's number is made of the Call-ID, so that the nodes which
a call crosses tell of one trace.
"""

from collections.abc import Iterable, Mapping, Sequence
from hashlib import sha256
from itertools import islice

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import Event, ReadableSpan
from opentelemetry.trace import SpanContext, SpanKind, TraceFlags
from opentelemetry.trace.status import Status, StatusCode

from talkpath.base import limits
from talkpath.base.address import Address
from talkpath.base.texts import Language
from talkpath.calls.model import Call, Leg, MessageSeen, Moment, Result
from talkpath.calls.words import said
from talkpath.explain.judging.finding import Finding

Attributes = dict[str, str | int | float | bool]

# Ends of an attempt that are nobody's fault.
_FINE = (Result.ANSWERED, Result.CANCELLED, Result.ONGOING, Result.BUSY, Result.NO_ANSWER, Result.REJECTED)
_SAMPLED = TraceFlags(TraceFlags.SAMPLED)


def spans_of(call: Call, findings: Sequence[Finding], resource: Resource, language: Language) -> list[ReadableSpan]:
    """The call and its hops. What was said is an event of its hop; decisions and findings are events of the call."""
    root = _context(call.call_ids[0], f"{call.id} call")
    first, *others = call.legs
    end = call.ended_at or max((seen.time for seen in call.messages), default=call.start)
    events = [
        *(_of_message(seen) for seen in first.messages),
        *(_of_moment(moment, language) for moment in call.moments),
        *(_of_finding(finding, end, language) for finding in findings),
    ]
    whole = ReadableSpan(
        "INVITE",
        root,
        resource=resource,
        attributes=_of_call(call),
        events=_bounded(events),
        kind=SpanKind.SERVER,
        status=_status(call.result, call.status, call.reason),
        start_time=_ns(call.start),
        end_time=_ns(end),
    )
    return [whole, *(_of_leg(leg, call, root, end, resource) for leg in others)]


def _of_leg(leg: Leg, call: Call, root: SpanContext, end: float, resource: Resource) -> ReadableSpan:
    return ReadableSpan(
        "INVITE",
        _context(call.call_ids[0], f"{call.id} {leg.index}"),
        root,
        resource=resource,
        attributes=_of_hop(leg, leg.caller, leg.callee),
        events=_bounded(map(_of_message, leg.messages)),
        kind=SpanKind.CLIENT,
        status=_status(leg.result, leg.status, leg.reason),
        start_time=_ns(leg.start),
        end_time=_ns(leg.ended_at or end),
    )


def _of_call(call: Call) -> Attributes:
    first = call.legs[0]
    more: Attributes = {
        "talkpath.call.id": call.id,
        "talkpath.call.caller": call.caller.user,
        "talkpath.call.callee": call.callee.user,
        "talkpath.call.ended_by": call.ended_by.value,
        "talkpath.call.ended_how": call.ended_how,
    }
    for name, value in (("ring_s", call.ring_s), ("answer_s", call.answer_s), ("talk_s", call.talk_s)):
        if value is not None:
            more[f"talkpath.call.{name}"] = value
    if call.caller.user_agent:
        more["user_agent.original"] = call.caller.user_agent
    return _of_hop(first, first.caller, first.callee) | more


def _of_hop(leg: Leg, client: Address, server: Address) -> Attributes:
    transport = "udp" if not leg.transport.is_reliable else "tcp"
    attributes: Attributes = {
        "network.protocol.name": "sip",
        "network.transport": transport,
        "client.address": client.host,
        "client.port": client.port,
        "server.address": server.host,
        "server.port": server.port,
        "sip.transport": leg.transport.value,
        "sip.call_id": leg.call_id,
        "talkpath.result": leg.result.value,
    }
    if leg.status:
        attributes["sip.response.status_code"] = leg.status
    if leg.result not in _FINE:
        attributes["error.type"] = str(leg.status) if leg.status else leg.ended_how or leg.result.value
    return attributes


def _status(result: Result, status: int, reason: str) -> Status:
    if result in _FINE:
        return Status(StatusCode.UNSET)
    return Status(StatusCode.ERROR, f"{status} {reason}".strip() if status else result.value)


def _of_message(seen: MessageSeen) -> Event:
    sip = seen.sip
    name = sip.method if sip.is_request else f"{sip.status} {sip.reason}"
    about: Attributes = {"sip.method": sip.method, "talkpath.sent": bool(seen.sent), "size": len(seen.seen.raw)}
    if seen.retransmitted:
        about["talkpath.retransmissions"] = len(seen.retransmitted)
    return Event(name, about, _ns(seen.time))


def _of_moment(moment: Moment, language: Language) -> Event:
    return Event(moment.kind, {"message": said(moment, language), **_known(moment.values)}, _ns(moment.time))


def _known(values: Mapping[str, object]) -> Attributes:
    return {f"talkpath.{name}": value for name, value in values.items() if isinstance(value, str | int | float)}


def _of_finding(finding: Finding, end: float, language: Language) -> Event:
    about: Attributes = {
        "message": finding.title.say(language),
        "talkpath.finding.code": finding.code,
        "talkpath.finding.severity": finding.severity.value,
        "talkpath.finding.fix": finding.fix.say(language),
        "talkpath.finding.confidence": finding.found.confidence,
    }
    return Event("finding", about, _ns(max((one.time for one in finding.found.because), default=0.0) or end))


def _bounded(events: Iterable[Event]) -> list[Event]:
    return sorted(islice(events, limits.TRACE_EVENTS), key=lambda event: event.timestamp)


def _context(call_id: str, name: str) -> SpanContext:
    """Numbers that are the same whenever the same is told."""
    trace, span = (sha256(one.encode("utf-8", "replace")).digest() for one in (call_id, name))
    return SpanContext(int.from_bytes(trace[:16]), int.from_bytes(span[:8]), is_remote=False, trace_flags=_SAMPLED)


def _ns(time: float) -> int:
    return int(time * 1e9)
