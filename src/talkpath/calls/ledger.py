"""The ledger: one machine that the running edge and captures feed, and that knows what happened to every call.

The running edge calls `written` for whatever crosses a socket, `moment` for whatever it decides, `media` for what
its meters counted, and `ended` when a call is over. Each of these costs about a microsecond: the ledger keeps
references and computes nothing. `call`, `running` and `summary_of` build what a reader asks for.

A call that ended lingers for late messages and is then given out by `drain`, to be written to the history. Of those
that were refused only so many do: strangers can make any number of them.
"""

from collections import deque
from collections.abc import Iterator, Mapping
from typing import Protocol

from talkpath.base import limits
from talkpath.base.address import Flow
from talkpath.calls.model import Side, Value
from talkpath.calls.trace import StreamKey, Trace
from talkpath.sip.message import Message

_SWEEP_S = 60.0


class Mirror(Protocol):
    """Hears what the ledger hears, also of messages outside calls; must not make the caller wait."""

    def message(self, now: float, flow: Flow, call_id: str, raw: bytes, sent: bool) -> None: ...
    def moment(self, now: float, flow: Flow, call_id: str, kind: str, values: Mapping[str, Value]) -> None: ...
    def media(self, now: float, call_id: str, stream: StreamKey, row: bytes, payload_type: int) -> None: ...
    def ended(self, call_id: str) -> None: ...


class Ledger:
    """All calls that run, and the way to those that just ended. See the module's docstring."""

    def __init__(self) -> None:
        self._open: dict[str, Trace] = {}
        self._lingering: deque[tuple[float, Trace]] = deque()
        #: the same of those that were refused, by the number of their trace
        self._refused: dict[int, tuple[float, Trace]] = {}
        self._finished: list[Trace] = []
        self._ended: list[Trace] = []
        #: those that were open when the round of `to_keep` began and were not given since, the oldest last
        self._round: list[Trace] = []
        self._begun = 0
        self._sweep_at: float | None = None
        #: who else is told, None for nobody
        self.mirror: Mirror | None = None

    # --- what the running edge tells

    def written(self, now: float, flow: Flow, call_id: str, raw: bytes, sent: bool = True) -> None:
        """A message crossed a socket of ours. Its bytes are kept."""
        if self.mirror is not None:
            self.mirror.message(now, flow, call_id, raw, sent)
        trace = self._open.get(call_id)
        if trace is None or trace.ended_at is not None:
            trace = self._trace_for(now, call_id, raw, sent, trace)
            if trace is None:
                return
        trace.add_message(now, flow, raw, sent)
        trace.touched = now

    def moment(self, now: float, call_id: str, kind: str, **values: Value) -> None:
        """Something was decided or happened; `kind` is a key of `words.MOMENTS`. Unknown calls are ignored."""
        trace = self._open.get(call_id)
        if trace is not None:
            trace.add_moment(now, kind, values)
            if self.mirror is not None and trace.messages:
                self.mirror.moment(now, trace.live[0][1], call_id, kind, values)

    def media(
        self, now: float, call_id: str, stream: StreamKey, row: bytes, payload_type: int = 0, found: int = 0
    ) -> None:
        """One second of one stream, as the meters counted it (`pack_second`); `found` packets that were counted as
        lost in the second before have come after all."""
        trace = self._open.get(call_id)
        if trace is not None:
            trace.add_second(stream, row, payload_type, found)
            trace.touched = now
            if self.mirror is not None:
                self.mirror.media(now, call_id, stream, row, payload_type)

    def joined(self, call_id: str, other: str) -> None:
        """We sent `other` on behalf of `call_id` (we acted back-to-back): both are one call."""
        trace = self._open.get(call_id)
        if trace is not None and other not in self._open:
            trace.call_ids.append(other)
            self._open[other] = trace

    def begun(self, call_id: str) -> None:
        """An INVITE became a call: the story is over when all that it tells of have ended, and not before."""
        trace = self._open.get(call_id)
        if trace is not None:
            trace.running += 1

    def refused(self, now: float, call_id: str) -> None:
        """We refused an INVITE in our own name. Where a call runs, that is the end of its story alone by its own
        word: anybody may write its Call-ID."""
        trace = self._open.get(call_id)
        if trace is not None and trace.ended_at is None and not trace.running:
            self._end(trace, now, Side.SERVER, "refused")

    def disregard(self, call_id: str) -> None:
        """What came within a call is of one that another node has: a story that began with it is none of ours."""
        trace = self._open.get(call_id)
        if trace is not None and not trace.running and trace.ended_at is None and trace.messages == 1:
            del self._open[call_id]

    def resumed(self, now: float, trace: Trace) -> None:
        """A call that began in another process, with what was seen of it there, goes on in this one."""
        begun = self._begin(now, trace.call_ids[0])
        begun.take_up(trace)
        begun.is_resumed = True
        for call_id in begun.call_ids:
            self._open[call_id] = begun

    def bequeathed(self, call_id: str) -> None:
        """A call goes on in the process that takes the place of this one, and is told there."""
        trace = self._open.get(call_id)
        if trace is not None:
            for one in trace.call_ids:
                self._open.pop(one, None)

    def ended(self, now: float, call_id: str, by: Side, how: str, at: float | None = None) -> None:
        """The call is over: who ended it, and how in a word ("bye", "cancel", "refused", "media-timeout" ...).

        `at` is when, where that was before `now`: a BYE ends the talk, its answer only tells that it arrived.
        The first word counts. The call stays open for late messages and is then given out by `drain`.
        """
        trace = self._open.get(call_id)
        if trace is None or trace.ended_at is not None:
            return
        trace.running -= trace.running > 0
        if not trace.running:
            self._end(trace, now, by, how)
            trace.ended_at = now if at is None else at

    # --- the machine

    def deadline(self) -> float | None:
        """When `expire` wants to be called next, or None."""
        soonest = self._sweep_at
        if self._lingering and (soonest is None or self._lingering[0][0] < soonest):
            soonest = self._lingering[0][0]
        if self._refused:
            until, _ = next(iter(self._refused.values()))
            soonest = until if soonest is None else min(until, soonest)
        return soonest

    def expire(self, now: float) -> None:
        """Close the calls whose linger is over and those that nobody spoke of for half a day."""
        while self._lingering and self._lingering[0][0] <= now:
            _, trace = self._lingering.popleft()
            if trace.ended_at is not None and trace.ended_at + limits.CALL_LINGER_S <= now:
                self._close(trace)
        for until, trace in list(self._refused.values()):
            if until > now:
                break
            self._close(trace)
        if self._sweep_at is not None and self._sweep_at <= now:
            self._forget(now)
            self._sweep_at = now + _SWEEP_S if self._open else None

    def drain(self) -> list[Trace]:
        """The calls that were closed since the last drain."""
        finished, self._finished = self._finished, []
        return finished

    def to_keep(self, most: int | None = None) -> list[Trace]:
        """What would be lost with the process: the calls that ended since this was last asked, and those that go on;
        of these `most` at a time, in turn, where so much is said (`is_keeping`)."""
        if not self._round:
            self._round = list(self._open.values())
            self._round.reverse()
        at = 0 if most is None else max(0, len(self._round) - most)
        taken = self._round[at:]
        del self._round[at:]
        taken.reverse()
        ended, self._ended = self._ended, []
        return [*ended, *dict.fromkeys(trace for trace in taken if self._goes_on(trace))]

    @property
    def is_keeping(self) -> bool:
        """Whether the round of those that go on is not over yet."""
        return bool(self._round)

    def _goes_on(self, trace: Trace) -> bool:
        return trace.ended_at is None and self._open.get(trace.call_ids[0]) is trace

    def close_all(self, now: float) -> None:
        """The node stops: close every call, so that `drain` gives them all."""
        for trace in list(dict.fromkeys(self._open.values())):
            if trace.ended_at is None:
                self._end(trace, now, Side.SERVER, "node-stopped")
            self._close(trace)
        self._lingering.clear()
        self._refused.clear()

    # --- readers

    def running(self) -> Iterator[Trace]:
        """The open calls, the oldest first; those that ended and linger included."""
        yield from dict.fromkeys(self._open.values())

    def trace(self, call_id: str) -> Trace | None:
        """The open call with this Call-ID."""
        return self._open.get(call_id)

    # --- inside

    def _trace_for(self, now: float, call_id: str, raw: bytes, sent: bool, ended: Trace | None) -> Trace | None:
        """The trace of a message whose Call-ID is unknown or belongs to an ended call; None where it is no call."""
        if sent or not raw.startswith(b"INVITE "):
            # A call begins with an INVITE that comes; one that leaves alone is a straggler of a call that is over.
            return ended
        if ended is not None:
            if _is_seen_again(ended, raw):
                return ended
            if _is_next_attempt(ended, raw):
                self._refused.pop(ended.number, None)
                ended.ended_at, ended.ended_by, ended.ended_how = None, Side.UNKNOWN, ""
                return ended
            self._close(ended)
        return self._begin(now, call_id)

    def _begin(self, now: float, call_id: str) -> Trace:
        if len(self._open) >= limits.LEDGER_CALLS:
            oldest = next(iter(self._open.values()))
            if oldest.ended_at is None:
                self._end(oldest, now, Side.UNKNOWN, "ledger-full")
            self._close(oldest)
        self._begun += 1
        trace = self._open[call_id] = Trace(call_id, self._begun, now)
        if self._sweep_at is None:
            self._sweep_at = now + _SWEEP_S
        return trace

    def _end(self, trace: Trace, now: float, by: Side, how: str) -> None:
        trace.ended_at, trace.ended_by, trace.ended_how = now, by, how
        self._ended.append(trace)
        until = now + limits.CALL_LINGER_S
        if how != "refused":
            self._lingering.append((until, trace))
            return
        self._refused[trace.number] = (until, trace)
        if len(self._refused) > limits.LEDGER_REFUSED:
            _, oldest = next(iter(self._refused.values()))
            self._close(oldest)

    def _close(self, trace: Trace) -> None:
        self._refused.pop(trace.number, None)
        if self._open.get(trace.call_ids[0]) is not trace:
            return
        for call_id in trace.call_ids:
            self._open.pop(call_id, None)
        self._finished.append(trace)
        if self.mirror is not None:
            self.mirror.ended(trace.call_ids[0])

    def _forget(self, now: float) -> None:
        silent = [trace for trace in self.running() if trace.touched < now - limits.CALL_FORGOTTEN_S]
        for trace in silent:
            if trace.ended_at is None:
                self._end(trace, trace.touched, Side.UNKNOWN, "forgotten")
            self._close(trace)


def _is_seen_again(ended: Trace, raw: bytes) -> bool:
    """A late retransmission of an INVITE of the call that ended."""
    return any(row[2] == raw for row in ended.live)


def _is_next_attempt(ended: Trace, raw: bytes) -> bool:
    """The caller tries the refused call again, with credentials or a longer session (RFC 3261 22.2, 8.1.3.5)."""
    if ended.ended_how != "refused":
        return False
    first, again = Message.parse(ended.live[0][2]), Message.parse(raw)
    return not again.to_tag and again.from_tag == first.from_tag
