"""Requests within calls that a script is asked about, and what of the same call comes meanwhile: it waits its turn,
so that no ACK overtakes its answer and no BYE its ACK.
"""

from collections.abc import Callable

from talkpath.base import limits
from talkpath.edge.core import Core
from talkpath.edge.forwarding.changes import Changes
from talkpath.edge.routing.inquiry import Answer
from talkpath.sip.message import Message

Turn = Callable[[float], None]
#: A refusal, or None to let a request pass, or what changes on its way.
Word = Answer | Changes | None


class Held:
    """One request that waits for a word. Implements `Within`."""

    __slots__ = ("_answered", "_holding", "call_id", "message")

    def __init__(self, holding: "Holding", message: Message, answered: Callable[[Word, float], None]) -> None:
        self._holding = holding
        self._answered: Callable[[Word, float], None] | None = answered
        self.message = message
        self.call_id = message.call_id

    def note(self, kind: str, now: float, **values: str | int | float) -> None:
        """A moment of the call."""
        self._holding.note(self.call_id, kind, now, **values)

    def go_on(self, word: Word, now: float) -> None:
        """The word."""
        answered, self._answered = self._answered, None
        if answered is not None:
            answered(word, now)
            self._holding.release(self.call_id, now)


class Holding:
    """The calls that wait for a word of a script."""

    def __init__(self, core: Core) -> None:
        self._core = core
        #: by Call-ID, the turns of what waits
        self.waiting: dict[str, list[Turn]] = {}

    def queue(self, call_id: str, turn: Turn) -> None:
        """A message of a call that waits has its turn later. One too many is lost, as it may be on any network."""
        waiting = self.waiting[call_id]
        if len(waiting) < limits.HELD_MESSAGES:
            waiting.append(turn)
        else:
            self._core.counters["held_lost"] += 1

    def ask(self, request: Message, answered: Callable[[Word, float], None], now: float) -> bool:
        """Whether a request within a call waits for a word, which `answered` hears, at once or later."""
        router = self._core.world.router
        if router is None or request.method not in router.within or self._core.call_of(request) is None:
            return False
        self.waiting[request.call_id] = []
        router.ask_within(Held(self, request, answered), now)
        return True

    def note(self, call_id: str, kind: str, now: float, **values: str | int | float) -> None:
        """A moment of a call."""
        self._core.note(call_id, kind, now, **values)

    def release(self, call_id: str, now: float) -> None:
        """What came meanwhile has its turn, until one of it has to wait itself."""
        waiting = self.waiting.pop(call_id, [])
        while waiting:
            waiting.pop(0)(now)
            again = self.waiting.get(call_id)
            if again is not None:
                again += waiting
                return
