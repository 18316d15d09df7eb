"""The operator's script in the running edge: loaded at start, and anew when it is saved, on SIGHUP, and when asked.

A load runs beside the loop, so that calls go on meanwhile; what it makes is taken whole or not at all.
"""

import asyncio
import logging
import signal
import threading
from asyncio import AbstractEventLoop, Future
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path

from talkpath.app import script_words as texts
from talkpath.app.config.mistakes import BadConfig
from talkpath.app.config.mistakes import Mistake as ConfigMistake
from talkpath.app.config.places import Place
from talkpath.app.config.tree import Config
from talkpath.app.phrase import Phrase, phrase
from talkpath.base.texts import Language
from talkpath.routing.holdup import HoldUps
from talkpath.routing.loading import Script, give_up, load
from talkpath.routing.mistakes import BadScript, Mistake
from talkpath.routing.router import RouterSettings, ScriptRouter
from talkpath.routing.watching import Watch

_log = logging.getLogger("talkpath.script")

_Loaded = tuple[Script, list[Mistake]]

# A load that takes longer waits for somebody, and nobody waits for it.
_LOAD_S = 30.0


def load_checked(file: Path) -> Script:
    """A script. Raises BadConfig with its mistakes."""
    try:
        return load(file)
    except BadScript as bad:
        raise bad_config(bad.mistakes) from bad


def bad_config(mistakes: list[Mistake]) -> BadConfig:
    """Mistakes of a script beside those of the configuration."""
    return BadConfig(
        [
            ConfigMistake(one.place.file, Place(one.place.line, 1) if one.place.line else None, said_of(one))
            for one in mistakes
        ]
    )


def said_of(mistake: Mistake) -> Phrase:
    """What is wrong, without where."""
    return Phrase(mistake.text, mistake.values)


class OwnScript:
    """See the module's docstring. Without a script in the configuration nobody is asked."""

    def __init__(
        self,
        config: Config,
        language: Language,
        loop: AbstractEventLoop,
        now: Callable[[], float],
        pump: Callable[[], None],
        doubts: Callable[[Script], Iterable[Mistake]] = lambda script: (),
    ) -> None:
        """Loads the script; `doubts` are what is logged of one beside. Raises BadConfig."""
        self._doubts = doubts
        routing = config.routing
        self._language = language
        self._loop = loop
        self._reloading: asyncio.Task[list[str]] | None = None
        self._hold_ups: HoldUps | None = None
        self.router: ScriptRouter | None = None
        if routing.script:
            script = load_checked(Path(routing.script))
            self._tell(doubts(script))
            self._watch = Watch(script.files)
            settings = RouterSettings(routing.deadline_s, routing.region)
            self.router = ScriptRouter(script, settings, loop, now, pump, self.hold_ups())

    def hold_ups(self) -> HoldUps:
        """Who breaks off functions that block, of this script and of any that is only tried."""
        if self._hold_ups is None:
            self._hold_ups = HoldUps()
        return self._hold_ups

    def start(self) -> None:
        """Take SIGHUP, which would end the process otherwise."""
        self._loop.add_signal_handler(signal.SIGHUP, self._hung_up)

    def close(self) -> None:
        """Nobody asks any more."""
        if self._reloading is not None:
            self._reloading.cancel()
        if self.router is not None:
            self.router.close()
        if self._hold_ups is not None:
            self._hold_ups.close()

    def look(self) -> None:
        """Load it anew if it was saved since."""
        if self.router is not None and self._watch.is_changed():
            self._soon()

    async def reload(self, language: Language | None = None) -> list[str]:
        """Load it anew, and say what is wrong with it; nothing where it is in use now."""
        if self.router is None:
            return [texts.NO_SCRIPT.say(language or self._language)]
        while self._reloading is not None and not self._reloading.done():
            await asyncio.wait([self._reloading])
        return await self._soon(language)

    def _hung_up(self) -> None:
        if self.router is not None:
            self._soon()

    def _soon(self, language: Language | None = None) -> "asyncio.Task[list[str]]":
        before = self._reloading
        self._reloading = self._loop.create_task(self._load_anew(before, language or self._language))
        return self._reloading

    async def _load_anew(self, before: "asyncio.Task[list[str]] | None", language: Language) -> list[str]:
        """One load after the other. What is wrong is said, and logged; the script that runs goes on then."""
        if before is not None and not before.done():
            await asyncio.wait([before])
        router = self.router
        assert router is not None
        self._watch.begin()
        try:
            script, doubts = await asyncio.wait_for(self._beside(router.script), _LOAD_S)
        except BadScript as bad:
            _log.warning("%s", phrase(texts.NOT_RELOADED, file=router.script.file).say(self._language))
            self._watch.follow((*router.script.files, *(Path(one.place.file) for one in bad.mistakes)))
            self._tell(bad.mistakes)
            return [mistake.say(language) for mistake in bad.mistakes]
        except TimeoutError:
            give_up()
            slow = phrase(texts.TOO_SLOW, file=router.script.file, seconds=_LOAD_S)
            _log.warning("%s", slow.say(self._language))
            return [slow.say(language)]
        router.use(script)
        self._tell(doubts)
        self._watch.follow(script.files)
        _log.info("%s", phrase(texts.RELOADED, file=script.file).say(self._language))
        return []

    def _tell(self, mistakes: Iterable[Mistake]) -> None:
        for mistake in mistakes:
            _log.warning("%s", mistake.say(self._language))

    def _beside(self, old: Script) -> "Future[_Loaded]":
        """Load it in a thread. One that never ends keeps nobody from leaving."""
        loaded: Future[_Loaded] = self._loop.create_future()

        def tell(found: _Loaded | None, error: BaseException | None) -> None:
            if loaded.done():
                return
            if found is not None:
                loaded.set_result(found)
            elif error is not None:
                loaded.set_exception(error)

        def run() -> None:
            found, error = None, None
            try:
                script = load(old.file, old.kept)
                found = script, list(self._doubts(script))
            except BaseException as failed:  # noqa: BLE001 - told where it is waited for
                error = failed
            with suppress(RuntimeError):  # the loop is closed: nobody waits any more
                self._loop.call_soon_threadsafe(tell, found, error)

        threading.Thread(target=run, name="talkpath-script", daemon=True).start()
        return loaded
