"""A running edge takes up its configuration anew, with its script: all of it or nothing (docs/decisions/reload.md).

The file is read and everything is made of it beside the loop; what is wrong is told as `talkpath check` tells it, and
then nothing has changed. What needs a restart stays as it was, and is named.
"""

import asyncio
import logging
from asyncio import AbstractEventLoop
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec

from talkpath.app.config.changes import Change, Plan, plan_of
from talkpath.app.config.checks import unfit_certificate, unfit_others
from talkpath.app.config.mistakes import BadConfig, Mistake
from talkpath.app.config.tree import Config
from talkpath.app.console.phrase import Phrase, Trouble, phrase
from talkpath.app.listening.doors import with_fit_certificate
from talkpath.app.node.control import Reloaded
from talkpath.app.node.following import Following, Made
from talkpath.app.process.beside import beside
from talkpath.app.process.systemd import Systemd
from talkpath.app.reload import words as texts
from talkpath.app.routing.running import OwnScript
from talkpath.base.errors import TalkpathError
from talkpath.base.texts import Language

_log = logging.getLogger("talkpath.reload")

# Of a list of tables so many are named.
_NAMED = 8


@dataclass(frozen=True, slots=True)
class Outcome:
    """Whether it was taken up, and what is to be said."""

    is_taken: bool
    said: tuple[Phrase | Mistake, ...]


class Reload:
    """See the module's docstring. `read` gives the configuration as its file is now, `config` the one that runs."""

    def __init__(
        self,
        read: Callable[[bool], Config],
        config: Config,
        language: Language,
        loop: AbstractEventLoop,
        following: Following,
        script: OwnScript,
        now: Callable[[], float],
    ) -> None:
        self.config = config
        self._read = read
        self._language = language
        self._loop = loop
        self.following = following
        self._script = script
        self._now = now
        self._task: asyncio.Task[None] | None = None
        self._is_wanted = False
        self._systemd = Systemd()

    def soon(self) -> None:
        """Somebody sent SIGHUP. However often that comes while the file is being read, it is read once more."""
        self._is_wanted = True
        if self._task is None or self._task.done():
            self._task = self._loop.create_task(self._while_wanted())

    async def _while_wanted(self) -> None:
        while self._is_wanted:
            self._is_wanted = False
            await self.run()

    def close(self) -> None:
        """Take up nothing more."""
        if self._task is not None:
            self._task.cancel()

    async def asked(self, language: Language) -> Reloaded:
        """Somebody asks for it, and hears what came of it in that language."""
        outcome = await self.run()
        return Reloaded(outcome.is_taken, tuple(one.say(language) for one in outcome.said))

    async def run(self) -> Outcome:
        """Take it up. What comes of it is logged, whoever asked."""
        async with self._script.loading:
            self._systemd.reloading()
            try:
                outcome = Outcome(True, tuple(await self._take_up()))
            except BadConfig as bad:
                outcome = _refused(bad.mistakes)
            except Trouble as trouble:
                outcome = _refused([trouble.what])
            except TalkpathError as error:
                outcome = _refused([phrase(texts.REASON, reason=str(error))])
            except Exception:  # noqa: BLE001 - the outermost driver: the edge goes on
                _log.exception("the configuration could not be taken up")
                outcome = Outcome(False, (phrase(texts.FAULT),))
            self._systemd.ready()
        for one in outcome.said:
            _log.log(logging.INFO if outcome.is_taken else logging.WARNING, "%s", one.say(self._language))
        return outcome

    async def _take_up(self) -> list[Phrase]:
        """Raises BadConfig, TalkpathError."""
        plan, made, certificates = await beside(self._loop, self._prepare, "talkpath-reload")
        script = await self._script.tried(plan.config)
        # Last of what can fail: from here to the end the loop does nothing else.
        self.following.take(made, self.following.opened(plan.config), self._now())
        if script is not None:
            self._script.take(script)
        self.config = plan.config
        said = list(_said(plan, script.script.file if script is not None else None))
        if left := self.following.signalling.left:
            said.append(phrase(texts.LEFT, listeners=", ".join(map(str, left))))
        return [*said, *certificates]

    def _prepare(self) -> tuple[Plan, Made, tuple[Phrase, ...]]:
        wanted, said = self._wanted()
        plan = plan_of(self.config, wanted)
        return plan, self.following.made(plan.config), said

    def _wanted(self) -> tuple[Config, tuple[Phrase, ...]]:
        """What the file says now, and what is to be said of its certificate: one that has ended since it was taken up
        keeps nobody from changing something else. Raises BadConfig."""
        try:
            return self._read(True), ()
        except BadConfig:
            wanted = self._read(False)
            if wanted.tls != self.config.tls:
                raise
        if self.following.presented.context is None:
            return with_fit_certificate(wanted)
        mistakes = (*unfit_certificate(wanted), *unfit_others(wanted))
        return wanted, tuple(phrase(texts.CERTIFICATE_KEPT, what=what) for _, what in mistakes)


def _refused(why: Iterable[Phrase | Mistake]) -> Outcome:
    return Outcome(False, (*why, phrase(texts.NOT_TAKEN)))


def _said(plan: Plan, script: Path | None) -> Iterator[Phrase]:
    """What changed, and what waits."""
    yield phrase(texts.TAKEN if plan.followed else texts.AS_IT_WAS)
    yield from map(_of_change, plan.followed)
    if script is not None:
        yield phrase(texts.SCRIPT_TAKEN, file=script)
    if plan.waiting:
        yield phrase(texts.WAITING, keys=", ".join(plan.waiting))


def _of_change(change: Change) -> Phrase:
    if not change.is_list:
        return phrase(texts.CHANGED, key=change.key, before=_shown(change.before), after=_shown(change.after))
    parts = (
        phrase(text, names=_listed(names))
        for text, names in (
            (texts.ADDED, change.added),
            (texts.REMOVED, change.removed),
            (texts.ALTERED, change.altered),
        )
        if names
    )
    first, *others = parts
    what = first
    for one in others:
        what = phrase(texts.TOGETHER, some=what, others=one)
    return phrase(texts.CHANGED_LIST, key=change.key, what=what)


def _listed(names: tuple[str, ...]) -> Phrase | str:
    some = ", ".join(names[:_NAMED])
    return phrase(texts.AND_MORE, names=some, more=len(names) - _NAMED) if len(names) > _NAMED else some


def _shown(value: object) -> str:
    """A value as the file would write it; no key that is shown so holds a secret."""
    return msgspec.json.encode(value).decode()
