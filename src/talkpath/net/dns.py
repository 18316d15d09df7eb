"""Finds where SIP URIs lead: the procedure of `location.py` over the records of `records.py`."""

import asyncio
import logging
from collections.abc import Callable
from random import random

from talkpath.base.address import Target
from talkpath.net.location import Answers, Question, Steps, Ways, locate
from talkpath.net.records import Records
from talkpath.sip.uri import Uri

_log = logging.getLogger(__name__)

Done = Callable[[list[Target], float], None]


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
        """Call `done(targets, now)`, now or later; the best target comes first, none where nothing is found."""
        steps = locate(uri, self._ways, self._chance)
        try:
            questions = next(steps)
            while (answers := self._records.known(questions)) is not None:
                questions = steps.send(answers)
        except StopIteration as end:
            done(end.value, self._now())
            return
        task = asyncio.get_running_loop().create_task(self._look_up(steps, questions, done))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _look_up(self, steps: Steps, questions: list[Question], done: Done) -> None:
        targets = await self._followed(steps, questions)
        try:
            done(targets, self._now())
        except Exception:  # noqa: BLE001 - the outermost driver: one call must not stop the others
            _log.exception("the answer to a lookup could not be handled; please report this")
        self._answered()

    async def _followed(self, steps: Steps, questions: list[Question]) -> list[Target]:
        while True:
            answers: Answers = await self._records.find(questions)
            try:
                questions = steps.send(answers)
            except StopIteration as end:
                targets: list[Target] = end.value
                return targets


def _chance(most: int) -> int:
    return int(random() * (most + 1))
