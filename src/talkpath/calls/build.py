"""Builds a `Call` from what was seen: decides which message belongs to which hop, and what the hops mean together.

The running edge's traces and the captures' come through here alike. `summary_of` is the short way for a trace of the
running edge: it reads the caller's side only, which says all that a list needs.
"""

import re

from talkpath.base.errors import Malformed
from talkpath.calls.ids import id_of
from talkpath.calls.legs import LegWriter, branch_of, cseq_of
from talkpath.calls.media import streams_of
from talkpath.calls.model import Call, Joined, Leg, Party, Result, Side, Summary
from talkpath.calls.trace import Trace, seen_live
from talkpath.capture.records import SipSeen
from talkpath.sip.message import Message

#: A hop, the index of the hop it was made from, and how we know.
Hop = tuple[LegWriter, int | None, Joined]

# A SIP URI whose user part has neither escapes nor parameters nor a password.
_PLAIN_USER = re.compile(r"^[^<]*<?sips?:([A-Za-z0-9_.+\-]+)@")


def call_of(trace: Trace) -> Call:
    """Everything known of the call whose rows are in `trace`."""
    hops = Hops()
    for seen, sip, sent in trace.rows():
        hops.take(seen, sip, sent)
    return assemble(hops.hops(), trace)


class Hops:
    """The hops of the calls that use one Call-ID, each with its messages."""

    def __init__(self) -> None:
        self._writers: list[LegWriter] = []
        self._by_branch: dict[str, LegWriter] = {}
        #: the branches of all Vias of the INVITE that began each hop, the top one first
        self._vias: dict[int, list[str]] = {}

    def hops(self) -> list[Hop]:
        """The hops in the order of their INVITEs."""
        parents = [self._parent_of(index) for index in range(len(self._writers))]
        return [
            (writer, parent, Joined.FIRST if parent is None else Joined.PROXY)
            for writer, parent in zip(self._writers, parents, strict=True)
        ]

    def take(self, seen: SipSeen, sip: Message, sent: bool | None) -> None:
        """The next message, in the order of time."""
        branch = branch_of(sip)
        writer = self._writer_for(seen, sip, branch)
        if writer is None:
            writer = LegWriter(seen, sip)
            self._vias[len(self._writers)] = branches_of(sip)
            self._writers.append(writer)
        if branch and sip.is_request and sip.method == "INVITE":
            self._by_branch.setdefault(branch, writer)
        writer.take(seen, sip, sent, branch)

    def is_over(self) -> bool:
        """Whether the call is over as far as its first hop knows."""
        return bool(self._writers) and self._writers[0].is_over()

    def starts_another(self, seen: SipSeen, sip: Message) -> bool:
        """Whether this message, after what came before, begins another call with the Call-ID used again."""
        if not (self.is_over() and sip.is_request and sip.method == "INVITE") or sip.to_tag:
            return False
        first = self._writers[0]
        if branch_of(sip) in self._by_branch:
            return False
        return sip.from_tag != first.from_tag or cseq_of(sip) > first.attempt or first.ended_how == "bye"

    def _writer_for(self, seen: SipSeen, sip: Message, branch: str) -> LegWriter | None:
        known = self._by_branch.get(branch)
        if known is not None and self._fits(known, seen, sip):
            return known
        if sip.is_request and sip.method == "INVITE" and not sip.to_tag:
            return self._next_attempt(seen, sip)
        if not self._writers:
            return None
        return self._by_ends(seen, sip)

    def _fits(self, writer: LegWriter, seen: SipSeen, sip: Message) -> bool:
        """The branch names the hop, unless a hop was copied from another without a new branch."""
        ends = {seen.src, seen.dst}
        if ends == {writer.caller, writer.callee} or sip.method != "INVITE" or not sip.is_request:
            return True
        return writer.has_said(sip.raw)

    def _next_attempt(self, seen: SipSeen, sip: Message) -> LegWriter | None:
        """The hop on which the caller tries again (with credentials); a fork to the same address is another hop."""
        for writer in reversed(self._writers):
            if (seen.src, seen.dst) == (writer.caller, writer.callee) and sip.from_tag == writer.from_tag:
                return writer if cseq_of(sip) != writer.attempt or not writer.has_invite else None
        return None

    def _by_ends(self, seen: SipSeen, sip: Message) -> LegWriter:
        """The hop between these addresses; else between these hosts (a new connection); else one that ends here."""
        likeness = [_likeness(writer, seen) for writer in self._writers]
        best = max(likeness)
        return _by_tags([writer for writer, like in zip(self._writers, likeness, strict=True) if like == best], sip)

    def _parent_of(self, index: int) -> int | None:
        """The hop whose INVITE the middle box passed on: by the Vias below its own, else by the addresses."""
        if index == 0:
            return None
        below = self._vias[index][1:]
        for branch in below:
            for other, vias in self._vias.items():
                if other != index and vias and vias[0] == branch:
                    return other
        sender = self._writers[index].caller
        earlier = range(index)
        at_address = [other for other in earlier if self._writers[other].callee == sender]
        at_host = [other for other in earlier if self._writers[other].callee.host == sender.host]
        return (at_address or at_host or [0])[0]


def _likeness(writer: LegWriter, seen: SipSeen) -> int:
    """How well a message's addresses fit a hop. A message past a proxy belongs to the hop of its sender."""
    ends = {writer.caller, writer.callee}
    same_hosts = {writer.caller.host, writer.callee.host} == {seen.src.host, seen.dst.host}
    return 3 * (seen.src in ends) + 2 * (seen.dst in ends) + 2 * same_hosts


def _by_tags(writers: list[LegWriter], sip: Message) -> LegWriter:
    """Of several hops the one whose dialog the message names; else the one that was answered last."""
    if len(writers) == 1:
        return writers[0]
    tags = {sip.from_tag, sip.to_tag}
    for writer in reversed(writers):
        if writer.from_tag in tags and tags & set(writer.to_tags):
            return writer
    answered = [writer for writer in writers if writer.answered_at is not None]
    return (answered or writers)[-1]


def branches_of(sip: Message) -> list[str]:
    """The branches of all Vias, the top one first; unreadable ones are left out."""
    items = (item for value in sip.all("Via") for item in value.split(","))
    cut = (item.partition("branch=") for item in items)
    return [rest.partition(";")[0].strip() for _, found, rest in cut if found]


# --- the call


def assemble(hops: list[Hop], trace: Trace) -> Call:
    """The call that these hops make. The first one is the caller's."""
    legs = tuple(writer.leg(index, parent, joined) for index, (writer, parent, joined) in enumerate(hops))
    first, last = legs[0], _answering_leg(legs)
    ended_at, ended_by, ended_how = _end_of(legs, trace)
    return Call(
        id=id_of(trace.call_ids[0], first.start),
        call_ids=tuple(dict.fromkeys([*trace.call_ids, *(leg.call_id for leg in legs)])),
        caller=_caller(first),
        callee=_callee(first, last),
        start=first.start,
        ringing_at=first.ringing_at,
        answered_at=first.answered_at,
        ended_at=ended_at,
        result=_result_of(first.result, first.ringing_at, trace),
        status=first.status,
        reason=first.reason,
        ended_by=ended_by,
        ended_how=ended_how,
        legs=legs,
        moments=tuple(trace.moments),
        streams=streams_of(trace, legs),
        records=tuple(trace.records),
        left_out=trace.left_out,
    )


def _answering_leg(legs: tuple[Leg, ...]) -> Leg:
    """The last hop towards the phone that answered; without an answer the last hop that was tried."""
    answered = [leg for leg in legs if leg.answered_at is not None] or list(legs)
    parents = {leg.parent for leg in answered}
    ends = [leg for leg in answered if leg.index not in parents]
    return (ends or answered)[-1]


def _end_of(legs: tuple[Leg, ...], trace: Trace) -> tuple[float | None, Side, str]:
    """When, by whom and how it ended: by what the edge decided, else by the first BYE on any hop."""
    if trace.ended_at is not None:
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


def _result_of(seen: Result, ringing_at: float | None, trace: Trace) -> Result:
    """The caller's view; a call the edge ended before any final answer is not ongoing."""
    if seen is not Result.ONGOING or trace.ended_at is None:
        return seen
    if trace.ended_how == "cancel":
        return Result.CANCELLED
    return Result.NO_ANSWER if ringing_at is not None else Result.FAILED


def _caller(first: Leg) -> Party:
    invite = first.messages[0].sip
    user, host, display = _named(invite, "From")
    return Party(user, host, display, first.caller, first.transport, _agent(first, from_caller=True))


def _callee(first: Leg, last: Leg) -> Party:
    user, host, display = _named(first.messages[0].sip, "To")
    return Party(user, host, display, last.callee, last.transport, _agent(last, from_caller=False))


def _named(sip: Message, name: str) -> tuple[str, str, str]:
    """User, host and display name of From or To; empty where they are unreadable."""
    try:
        who = sip.address(name)
        uri = who.parsed_uri()
    except Malformed:
        return "", "", ""
    return uri.username, uri.host, who.display_name


def _agent(leg: Leg, *, from_caller: bool) -> str:
    """What the phone at one end of a hop calls itself."""
    for seen in leg.messages:
        if seen.from_caller is from_caller:
            agent = seen.sip.first("User-Agent") or seen.sip.first("Server")
            if agent:
                return agent
    return ""


# --- the short way


def summary_of(trace: Trace) -> Summary:
    """The call in one row. Reads the caller's side of a trace of the running edge only."""
    if not trace.live:
        return summarised(call_of(trace))
    time, flow, raw, sent = trace.live[0]
    invite = Message.parse(raw)
    writer = LegWriter(seen_live(time, flow, raw, sent), invite)
    writer.conclude(time, invite, True)
    for time, other, raw, sent in trace.live[1:]:
        if writer.answered_at is not None:
            break  # the end is the edge's word
        if other.remote == flow.remote and not raw.startswith(b"SIP/2.0 100"):
            writer.conclude(time, Message.parse(raw), not sent)
    answered_at, ended_at = writer.answered_at, trace.ended_at
    return Summary(
        id=id_of(trace.call_ids[0], writer.start),
        call_id=trace.call_ids[0],
        start=writer.start,
        caller=number_of(invite, "From"),
        callee=number_of(invite, "To"),
        source=str(flow.remote),
        result=_result_of(writer.result, writer.ringing_at, trace),
        status=writer.status,
        reason=writer.reason,
        ring_s=_since(writer.start, writer.ringing_at),
        answer_s=_since(writer.start, answered_at),
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
    user, host, _ = _named(sip, name)
    return user or host


def _since(start: float, end: float | None) -> float | None:
    return None if end is None else max(0.0, end - start)


def summarised(call: Call) -> Summary:
    """The row of a call that was built."""
    return Summary(
        id=call.id,
        call_id=call.call_ids[0],
        start=call.start,
        caller=call.caller.user or call.caller.host,
        callee=call.callee.user or call.callee.host,
        source=str(call.caller.address),
        result=call.result,
        status=call.status,
        reason=call.reason,
        ring_s=call.ring_s,
        answer_s=call.answer_s,
        talk_s=call.talk_s,
        ended_at=call.ended_at,
        ended_by=call.ended_by,
        ended_how=call.ended_how,
    )
