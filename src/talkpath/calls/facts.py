"""A call as plain data for JSON: the names and units that scripts rely on.

Times are seconds since the epoch; what did not happen or is not known is None.
"""

import math
from collections.abc import Mapping

from talkpath.base.texts import Language
from talkpath.calls import words
from talkpath.calls.ladder import start_line
from talkpath.calls.model import Call, Leg, MessageSeen, Moment, Result, Side, Stream, Summary
from talkpath.calls.redacted import redacted

Facts = dict[str, object]


def facts_of_summary(row: Summary) -> Facts:
    """One row of a list."""
    return {
        "id": row.id,
        "call_ids": [row.call_id],
        "from": row.caller,
        "to": row.callee,
        "source": row.source,
        "start": row.start,
        "result": row.result.value,
        "status": row.status,
        "reason": row.reason,
        "ring_s": row.ring_s,
        "answer_s": row.answer_s,
        "talk_s": row.talk_s,
        "end": row.ended_at,
        "ended_by": row.ended_by.value or None,
        "ended_how": row.ended_how or None,
        "state": state_of(row),
    }


def state_of(row: Summary) -> str:
    """What a call does at present: "calling", "ringing", "talking" or "ended"."""
    if row.ended_at is not None or row.result not in (Result.ANSWERED, Result.ONGOING):
        return "ended"
    if row.result is Result.ANSWERED:
        return "talking"
    return "calling" if row.ring_s is None else "ringing"


def facts_of(call: Call) -> Facts:
    """What was found of a call, without its messages and moments."""
    return {
        "id": call.id,
        "call_ids": list(call.call_ids),
        "from": call.caller.user or call.caller.host,
        "to": call.callee.user or call.callee.host,
        "start": call.start,
        "result": call.result.value,
        "status": call.status,
        "reason": call.reason,
        "ring_s": call.ring_s,
        "answer_s": call.answer_s,
        "talk_s": call.talk_s,
        "end": call.ended_at,
        "ended_by": call.ended_by.value or None,
        "ended_how": call.ended_how or None,
        "streams": [facts_of_stream(stream) for stream in call.streams],
    }


def facts_of_stream(stream: Stream) -> Facts:
    """One RTP stream."""
    rtp = stream.rtp
    sides: Mapping[bool | None, Side | None] = {True: Side.CALLER, False: Side.CALLEE, None: None}
    return {
        "src": str(rtp.src),
        "dst": str(rtp.dst),
        "ssrc": rtp.ssrc,
        "codec": rtp.encoding,
        "ptime_ms": rtp.ptime_ms,
        "packets": rtp.packets,
        "lost": rtp.lost,
        "jitter_ms": round(rtp.jitter_ms, 3),
        "mos": stream.mos,
        "speech_s": _tenths(stream.speech_s),
        "silent_s": _tenths(stream.silent_s),
        "arrives": stream.arrives,
        "level_dbov": None if math.isnan(rtp.level_dbov) else round(rtp.level_dbov, 1),
        "start": rtp.start,
        "end": rtp.end,
        "leg": stream.leg,
        "from": sides[stream.from_caller],
    }


def _tenths(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 1)


def story_of(call: Call, language: Language, *, with_messages: bool) -> Facts:
    """Everything that is known of a call; with the messages in full (secrets taken out) when asked."""
    return {
        **facts_of(call),
        "legs": [_leg(leg) for leg in call.legs],
        "moments": [_moment(moment, language) for moment in call.moments],
        "messages": [_message(leg, seen, with_messages) for leg in call.legs for seen in leg.messages],
        "left_out": call.left_out,
    }


def _leg(leg: Leg) -> Facts:
    return {
        "index": leg.index,
        "parent": leg.parent,
        "joined": leg.joined.value or None,
        "call_id": leg.call_id,
        "caller": str(leg.caller),
        "callee": str(leg.callee),
        "transport": leg.transport.value,
        "start": leg.start,
        "result": leg.result.value,
        "status": leg.status,
        "reason": leg.reason,
    }


def _moment(moment: Moment, language: Language) -> Facts:
    return {
        "time": moment.time,
        "kind": moment.kind,
        "values": dict(moment.values),
        "text": words.said(moment, language),
    }


def _message(leg: Leg, seen: MessageSeen, in_full: bool) -> Facts:
    facts: Facts = {
        "time": seen.time,
        "leg": leg.index,
        "from": str(seen.source),
        "to": str(seen.destination),
        "line": start_line(seen),
        "bytes": len(seen.sip.raw),
        "frames": seen.frames,
        "retransmitted": [again.time for again in seen.retransmitted],
    }
    return {**facts, "raw": redacted(seen.sip.raw)} if in_full else facts
