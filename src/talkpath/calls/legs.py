"""One hop of a call: folds the messages between two addresses into a `Leg`.

Repetitions are told apart from news by what a transaction keeps (RFC 3261 17.1.3, 17.2.3): branch, CSeq, status and
tag. Which message belongs to which hop is decided in `build.py`.
"""

from dataclasses import dataclass, field

from talkpath.base.errors import Malformed
from talkpath.calls.media import media_of
from talkpath.calls.model import Joined, Leg, MessageSeen, Result, Side
from talkpath.capture.records import SipSeen
from talkpath.sip.message import Message

_BUSY = {486, 600}
_REJECTED = {401, 403, 407, 433, 603, 607, 608}
# A refusal that asks the caller to try again (RFC 3261 22.2 and 8.1.3.4, RFC 4028 6): the call is not over.
RETRIED = {300, 301, 302, 305, 401, 407, 413, 415, 416, 420, 421, 422, 428, 436, 437, 438, 491, 494}

_Key = tuple[object, ...]


@dataclass(slots=True)
class _Kept:
    """A message that said something new, and the repetitions found so far."""

    seen: SipSeen
    sip: Message
    sent: bool | None
    from_caller: bool
    retransmitted: list[SipSeen] = field(default_factory=list)
    copies: list[SipSeen] = field(default_factory=list)


class LegWriter:
    """Takes the messages of one hop in the order of time, and writes the `Leg`."""

    def __init__(self, seen: SipSeen, sip: Message) -> None:
        # a request that is the first we see of its hop is taken to come from the caller
        self.caller, self.callee = (seen.src, seen.dst) if sip.is_request else (seen.dst, seen.src)
        self.transport = seen.transport
        self.call_id = sip.call_id
        self.from_tag = sip.from_tag
        self.to_tag = ""
        self.to_tags: list[str] = []
        self.start = seen.time
        self.last = seen.time
        #: the CSeq number of the INVITE that the caller tries at present
        self.attempt = cseq_of(sip)
        self.status = 0
        self.reason = ""
        self.ringing_at: float | None = None
        self.answered_at: float | None = None
        self.acked_at: float | None = None
        self.cancelled_at: float | None = None
        self.ended_at: float | None = None
        self.ended_by = Side.UNKNOWN
        self.ended_how = ""
        #: the dialog is older than what was seen of it
        self.is_midway = bool(sip.to_tag) and sip.is_request
        #: the initial INVITE itself was seen, and not only what answers it
        self.has_invite = False
        self._kept: dict[_Key, _Kept] = {}

    # --- reading

    def take(self, seen: SipSeen, sip: Message, sent: bool | None, branch: str) -> None:
        """The next message of this hop; `branch` is that of its top Via."""
        self.last = max(self.last, seen.time)
        from_caller = self.is_from_caller(seen, sip)
        key = _key_of(seen, sip, branch or seen.raw, from_caller)
        kept = self._kept.get(key)
        if kept is not None:
            is_copy = seen.is_copy or (seen.src, seen.dst) != (kept.seen.src, kept.seen.dst)
            (kept.copies if is_copy else kept.retransmitted).append(seen)
            return
        self._kept[key] = _Kept(seen, sip, sent, from_caller)
        self.conclude(seen.time, sip, from_caller)

    def conclude(self, time: float, sip: Message, from_caller: bool) -> None:
        """What the message means for the state of the hop. A repetition changes nothing."""
        if sip.is_request:
            self._take_request(time, sip, from_caller)
        elif sip.method == "INVITE":
            self._take_answer(time, sip, from_caller)

    def is_from_caller(self, seen: SipSeen, sip: Message) -> bool:
        """Which end sent it: by exact address, else by host where the hosts differ, else by the tags."""
        for address, other in ((seen.src, self.caller), (seen.dst, self.callee)):
            if address == other:
                return True
        for address, other in ((seen.src, self.callee), (seen.dst, self.caller)):
            if address == other:
                return False
        if self.caller.host != self.callee.host and seen.src.host in (self.caller.host, self.callee.host):
            return seen.src.host == self.caller.host
        return sip.is_request == (sip.from_tag == self.from_tag)

    def _take_request(self, time: float, sip: Message, from_caller: bool) -> None:
        match sip.method:
            case "INVITE":
                self._take_invite(sip, from_caller)
            case "CANCEL":
                self.cancelled_at = self.cancelled_at or time
            case "ACK":
                if self.answered_at is not None and self.acked_at is None and from_caller:
                    self.acked_at = time
            case "BYE":
                if self.ended_at is None:
                    self.ended_at, self.ended_how = time, "bye"
                    self.ended_by = Side.CALLER if from_caller else Side.CALLEE

    def _take_invite(self, sip: Message, from_caller: bool) -> None:
        if sip.to_tag or not from_caller:
            return
        self.has_invite = True
        number = cseq_of(sip)
        if number != self.attempt and self.answered_at is None:
            self.attempt, self.status, self.reason = number, 0, ""
            self.ended_at, self.ended_by, self.ended_how = None, Side.UNKNOWN, ""

    def _take_answer(self, time: float, sip: Message, from_caller: bool) -> None:
        if from_caller or cseq_of(sip) != self.attempt or self.is_midway:
            return
        if sip.to_tag and 100 < sip.status < 300 and sip.to_tag not in self.to_tags:
            self.to_tags.append(sip.to_tag)
        if self.answered_at is not None or self.status >= 300:
            return
        self.status, self.reason = sip.status, sip.reason
        if 100 < sip.status < 200:
            self.ringing_at = self.ringing_at or time
        elif 200 <= sip.status < 300:
            self.answered_at, self.to_tag = time, sip.to_tag
        elif sip.status >= 300:
            self._take_refusal(time)

    def _take_refusal(self, time: float) -> None:
        self.ended_at = time
        is_cancelled = self.cancelled_at is not None and self.status == 487
        self.ended_by = Side.CALLER if is_cancelled else Side.CALLEE
        self.ended_how = "cancel" if is_cancelled else "refused"

    # --- concluding

    def is_over(self) -> bool:
        """Whether nothing more can come of this hop, so that another INVITE must be another call."""
        return self.ended_at is not None and self.status not in RETRIED

    def time_out(self, horizon: float) -> None:
        """Conclude from silence: nothing came though what was seen went on until `horizon`.

        The INVITE of a caller who hears nothing dies of Timer B after 32 s, one that rings of Timer C after three
        minutes (RFC 3261 17.1.1.2, 16.6 step 11).
        """
        if self.ended_at is not None or self.answered_at is not None or self.is_midway:
            return
        patience_s = 32.0 if self.status == 0 else 180.0
        if horizon - self.last > patience_s:
            self.ended_at, self.ended_by, self.ended_how = self.last, Side.UNKNOWN, "timeout"

    @property
    def result(self) -> Result:
        """How the attempt on this hop ended."""
        if self.answered_at is not None or self.is_midway:
            return Result.ANSWERED
        if self.status in _BUSY:
            return Result.BUSY
        if self.cancelled_at is not None and (self.status < 300 or self.status == 487):
            return Result.CANCELLED
        if self.status in _REJECTED:
            return Result.REJECTED
        if self.status == 480 or (self.ringing_at is not None and self.status in (408, 487)):
            return Result.NO_ANSWER
        if self.status >= 300:
            return Result.FAILED
        if self.ended_at is None:
            return Result.ONGOING
        if self.ended_how == "bye":
            return Result.CANCELLED
        return Result.NO_ANSWER if self.ringing_at is not None else Result.FAILED

    @property
    def first(self) -> Message:
        """What began the hop: its INVITE where it was seen."""
        return next(iter(self._kept.values())).sip

    def has_said(self, raw: bytes) -> bool:
        """Whether these very bytes crossed the hop before."""
        return any(kept.sip.raw == raw for kept in self._kept.values())

    def messages(self) -> tuple[MessageSeen, ...]:
        """What was said, repetitions folded in, in the order of time."""
        return tuple(
            MessageSeen(
                kept.seen, kept.sip, kept.sent, kept.from_caller, tuple(kept.retransmitted), tuple(kept.copies)
            )
            for kept in self._kept.values()
        )

    def leg(self, index: int, parent: int | None, joined: Joined) -> Leg:
        """The leg as it stands."""
        messages = self.messages()
        return Leg(
            index=index,
            call_id=self.call_id,
            caller=self.caller,
            callee=self.callee,
            transport=self.transport,
            from_tag=self.from_tag,
            to_tag=self.to_tag or (self.to_tags[0] if self.to_tags else ""),
            to_tags=tuple(self.to_tags),
            start=self.start,
            ringing_at=self.ringing_at,
            answered_at=self.answered_at,
            acked_at=self.acked_at,
            ended_at=self.ended_at,
            status=self.status,
            reason=self.reason,
            result=self.result,
            ended_by=self.ended_by,
            ended_how=self.ended_how,
            messages=messages,
            media=media_of(messages),
            parent=parent,
            joined=joined,
        )


def cseq_of(sip: Message) -> int:
    """The CSeq number; -1 where it is unreadable."""
    try:
        return sip.cseq.number
    except Malformed:
        return -1


def branch_of(sip: Message) -> str:
    """The branch of the top Via, as it stands; empty where there is none. Much read, so cut out and not parsed."""
    via = sip.first("Via") or ""
    _, found, rest = via.partition(",")[0].partition("branch=")
    return rest.partition(";")[0].strip() if found else ""


def _key_of(seen: SipSeen, sip: Message, branch: str | bytes, from_caller: bool) -> _Key:
    """Equal for a message and its repetitions. Provisional answers repeat only when they are equal byte for byte."""
    number = cseq_of(sip)
    if sip.is_request:
        return (sip.method, number, branch, from_caller)
    provisional = seen.raw if sip.status < 200 else b""
    return (sip.status, sip.method, number, branch, sip.to_tag, from_caller, provisional)
