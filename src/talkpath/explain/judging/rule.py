"""What a rule is: one cause, what it says of it, and the check that finds it. Each rule is one file in `rules/`."""

from collections.abc import Callable, Iterable

from msgspec import Struct

from talkpath.base.texts import Text
from talkpath.explain.judging.finding import Found, Severity, Symptom
from talkpath.explain.reading.scene import Scene
from talkpath.explain.reading.story import Story
from talkpath.explain.reading.traits import Trait

CallCheck = Callable[[Story], Iterable[Found]]
SceneCheck = Callable[[Scene], Iterable[Found]]


class Rule(Struct, frozen=True):
    """One cause.

    `title` says it in a sentence, `why` why a user feels it, `needs` which evidence it takes and what looks alike but
    is none. `fix` says what to do, `own_fix` the same in talkpath's commands and keys, where the calls are its own.
    `doubt` says when it may be wrong all the same, and how to tell.
    `traits` name what a call must show for the check to be worth its time (any of them). `explains` lists codes that
    are consequences of this cause: on the same call they are not reported beside it.
    """

    code: str
    symptom: Symptom
    severity: Severity
    title: Text
    why: Text
    needs: Text
    fix: Text
    doubt: Text
    own_fix: Text | None = None
    traits: frozenset[Trait] = frozenset()
    explains: frozenset[str] = frozenset()
    of_call: CallCheck | None = None
    of_scene: SceneCheck | None = None
