"""Calls that nobody speaks of any more, and how each of them ends.

A call whose audio flows ends when that stops (`media`). Others would stay for ever when their BYE is lost, and take
the place of new ones: without a description, with every section declined, with an answer that was never acknowledged,
or with a side that is never heard. Such a call is looked at five minutes after its last word:

    its session timer has run out (RFC 4028)           ended on both sides: the refresh never came
    nothing was said or heard for `idle_call_s`        ended on both sides, or given up while it rings
    else                                               both sides are asked whether they know it
    one says that it does not (481)                    ended on both sides
    one does not answer, or cannot be reached, twice   the same, unless it is on hold, which media limits; the second
                                                       time comes a minute after the first

They are asked with an empty INFO, which changes nothing (RFC 6086 section 4.2.2) and which a phone that knows the
dialog answers somehow; baresip and linphone answer OPTIONS with 200 also in a dialog that is over. It bears the CSeq
that the other side used last: with a higher one the next request of that side would come too late (RFC 3261 section
12.2.2), as we only speak in its name. Whatever is answered but 481 leaves the call as it is, also a 500 to the
number.
"""

from talkpath.base.unsent import Unsent
from talkpath.calls.model import Side
from talkpath.edge.calls.call import Party, Phase, RunningCall
from talkpath.edge.calls.ending import Ending
from talkpath.edge.core import Core
from talkpath.edge.routing.services import Services
from talkpath.sip.message import Message
from talkpath.sip.transaction import ClientTransaction

# Without a word for so long, a call is looked at; more often only where a side did not answer.
QUIET_S = 300.0
_AGAIN_S = 60.0
# How often we see whether a call is to be looked at.
_PAUSE_S = 10.0
# Calls looked after in one go: a question to each side of all of them takes some milliseconds.
_AT_ONCE = 25
# Who missed so many questions is gone.
_MISSES = 2

_EXPIRED = 'SIP;cause=408;text="The session timer ran out"'
_GONE = 'SIP;cause=481;text="The other side does not know the call any more"'
_IDLE = 'Q.850;cause=102;text="Nothing was heard within the call for too long"'


class Lookout:
    """See the module's docstring."""

    def __init__(self, core: Core, ending: Ending, services: Services) -> None:
        self._core = core
        self._ending = ending
        self._services = services
        self._look_at = 0.0
        #: those whose time had come when all were looked through
        self._due: list[RunningCall] = []

    def look(self, now: float) -> bool:
        """Look after calls that are quiet, so many at a time; whether there may be more. Costs a comparison for each
        of the others."""
        if now >= self._look_at:
            self._look_at = now + _PAUSE_S
            self._due = [call for call in self._core.calls.values() if now >= call.look_at]
        some, self._due = self._due[:_AT_ONCE], self._due[_AT_ONCE:]
        for call in some:
            quiet_s = now - call.heard_at
            if quiet_s < QUIET_S:
                call.look_at = call.heard_at + QUIET_S
            elif call.phase is not Phase.OVER:
                call.look_at = now + QUIET_S
                self._look_after(call, quiet_s, now)
        return bool(self._due)

    def _look_after(self, call: RunningCall, quiet_s: float, now: float) -> None:
        core = self._core
        is_talking = call.media is not None and call.media.hears_all(now - QUIET_S)
        if call.phase is Phase.CALLING:
            if quiet_s >= core.settings.idle_call_s:
                self._give_up(call, now)
        elif is_talking:
            return
        elif call.session_s and quiet_s > call.session_s + core.settings.timers.timeout:
            self._end(call, "session-expired", _EXPIRED, now)
        elif quiet_s >= core.settings.idle_call_s and not (call.media is not None and call.media.is_watched):
            self._end(call, "idle", _IDLE, now)
        else:
            self._ask(call, now)

    def _give_up(self, call: RunningCall, now: float) -> None:
        """It rings for ever; the second time whatever was to come of that has come."""
        unanswered, call.unanswered = call.unanswered, None
        if unanswered is not None:
            unanswered.abandon(now, _IDLE, "it rang for too long")
        else:
            self._ending.end(call, Side.SERVER, "timeout", now)

    def _ask(self, call: RunningCall, now: float) -> None:
        for callee in call.lasting():
            for to, other in ((call.caller, callee), (callee, call.caller)):
                # A party without Contact is a service of ours.
                if to.contact:
                    self._ask_whether(call, callee, to, other, now)

    def _ask_whether(self, call: RunningCall, callee: Party, to: Party, other: Party, now: float) -> None:
        letter = self._ending.letter("INFO", other.cseq, call.call_id, to, other, now)
        if letter is None:
            self.missed(call, callee, to, now)
            return
        question = Question(self, call, callee, to)
        self._core.transactions.start(letter.branch, "INFO", call.call_id, letter.data, letter.hop, question, now)

    # --- what questions report

    def missed(self, call: RunningCall, callee: Party, to: Party, now: float) -> None:
        """A side did not answer, or cannot be reached."""
        to.misses += 1
        call.look_at = min(call.look_at, now + _AGAIN_S)
        may_be_silent = call.media is not None and call.media.may_be_silent(to.leg)
        if to.misses >= _MISSES and not may_be_silent:
            self.lost(call, callee, to, "no answer", now)

    def lost(self, call: RunningCall, callee: Party, to: Party, why: str, now: float) -> None:
        """A side is gone, or does not know the dialog any more."""
        if call.phase is not Phase.ANSWERED or callee.is_over:
            return
        self._core.note(call.call_id, "dialog.lost", now, remote=str(to.flow.remote), why=why)
        if call.lasting() == [callee]:
            self._services.forget_ended(call)
        self._ending.end_dialog(call, callee, "dialog-gone", _GONE, now)

    def _end(self, call: RunningCall, how: str, reason: str, now: float) -> None:
        self._services.forget_ended(call)
        self._ending.end_on_both_sides(call, how, reason, now)


class Question:
    """Whether a side knows its dialog. Implements what transactions ask of their owner."""

    __slots__ = ("_call", "_callee", "_lookout", "_to")

    def __init__(self, lookout: Lookout, call: RunningCall, callee: Party, to: Party) -> None:
        self._lookout = lookout
        self._call = call
        self._callee = callee
        self._to = to

    def on_response(self, transaction: ClientTransaction, response: Message, now: float) -> None:
        if response.status == 481:
            if self._to is self._callee:
                self._to.is_told_the_end = True
            else:
                self._callee.is_caller_told = True
            self._lookout.lost(self._call, self._callee, self._to, "481", now)
        elif response.status == 408:
            self._lookout.missed(self._call, self._callee, self._to, now)
        elif response.status >= 200:
            self._to.misses = 0

    def on_timeout(self, transaction: ClientTransaction, now: float) -> None:
        self._lookout.missed(self._call, self._callee, self._to, now)

    def on_unsendable(self, transaction: ClientTransaction, why: Unsent, now: float) -> None:
        self._lookout.missed(self._call, self._callee, self._to, now)
