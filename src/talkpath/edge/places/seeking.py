"""Where a name leads is asked while the request that goes there waits (RFC 3263)."""

from collections.abc import Callable

from talkpath.base.address import Located
from talkpath.edge.core import Core
from talkpath.edge.forking.fork import Fork
from talkpath.edge.routing.heading import Refusal
from talkpath.sip.uri import Uri

# How long names may take; the resolver gives up sooner.
_RESOLVE_S = 15.0
_UNANSWERED = Located([], False)


def seek(core: Core, fork: Fork, uri: Uri, now: float, use: Callable[[Located, float], bool]) -> bool:
    """Call `use(located, now)`, which says whether anybody is tried: at once, whose word counts, or when the answer
    comes, until when the fork gives none. Raises Refusal."""
    # A list, because a name that a closure sets is taken for what it was before by who compiles this.
    answers: list[Located] = []
    turns: list[Callable[[float], None]] = []

    def resolved(found: Located, then: float) -> None:
        answers.append(found)
        for go_on in turns:
            go_on(then)

    core.world.resolve(uri, resolved)
    if answers:
        return use(answers[0], now)

    def take_turn(then: float) -> None:
        try:
            use(answers[0] if answers else _UNANSWERED, then)
        except Refusal as refusal:
            fork.could_not(refusal.status, refusal.reason)

    turns.append(fork.later(_RESOLVE_S, now, take_turn))
    return True
