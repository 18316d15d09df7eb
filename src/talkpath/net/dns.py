"""Finds where SIP URIs lead: the procedure of `location.py` over the records of `records.py`."""

import asyncio
import logging
from collections.abc import Callable
from random import random

from talkpath.base.address import Located, Target
from talkpath.net.location import Answers, Question, Steps, Ways, locate
from talkpath.net.records import Records
from talkpath.sip.uri import Uri

_log = logging.getLogger(__name__)

Done = Callable[[Located, float], None]


class Resolver:
    """Resolves URIs for the edge: at once what is known, other names in a task."""

    def __init__(
        self,
        records: Records,
        ways: Ways,
        answered: Callable[[], None],
        now: Callable[[], float],
        chance: Callable[[int], int] | None = None,
    ) -> None:
        """`answered` is called after an answer that came later; `chance(n)` gives a number from 0 to n."""
        self._records = records
        self._ways = ways
        self._answered = answered
        self._now = now
        self._chance = chance or _chance
        self._tasks: set[asyncio.Task[None]] = set()

    def resolve(self, uri: Uri, done: Done) -> None:
        """Call `done(located, now)`, now or later; no target where nothing is found."""
        steps, asked = locate(uri, self._ways, self._chance), list[Question]()
        try:
            questions = next(steps)
            while (answers := self._records.known(questions)) is not None:
                asked += questions
                questions = steps.send(answers)
        except StopIteration as end:
            done(self._located(end.value, asked), self._now())
            return
        task = asyncio.get_running_loop().create_task(self._look_up(steps, questions, asked, done))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _look_up(self, steps: Steps, questions: list[Question], asked: list[Question], done: Done) -> None:
        located = await self._followed(steps, questions, asked)
        try:
            done(located, self._now())
        except Exception:  # noqa: BLE001 - the outermost driver: one call must not stop the others
            _log.exception("the answer to a lookup could not be handled; please report this")
        self._answered()

    async def _followed(self, steps: Steps, questions: list[Question], asked: list[Question]) -> Located:
        while True:
            answers: Answers = await self._records.find(questions)
            asked += questions
            try:
                questions = steps.send(answers)
            except StopIteration as end:
                return self._located(end.value, asked)

    def _located(self, targets: list[Target], asked: list[Question]) -> Located:
        return Located(targets, bool(targets) or all(map(self._records.is_answered, asked)))


def _chance(most: int) -> int:
    return int(random() * (most + 1))
