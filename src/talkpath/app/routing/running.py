"""The operator's script in the running edge: loaded at start, and anew when it is saved, and with the configuration.

A load runs beside the loop, so that calls go on meanwhile; what it makes is taken whole or not at all.
"""

import asyncio
import logging
from asyncio import AbstractEventLoop
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

from talkpath.app.config.mistakes import BadConfig
from talkpath.app.config.mistakes import Mistake as ConfigMistake
from talkpath.app.config.places import Place
from talkpath.app.config.tree import Config
from talkpath.app.console.phrase import Phrase, phrase
from talkpath.app.node.settings import router_settings
from talkpath.app.process.beside import beside
from talkpath.app.routing import script_words as texts
from talkpath.base.texts import Language
from talkpath.routing.holdup import HoldUps
from talkpath.routing.loading import Script, give_up, load
from talkpath.routing.mistakes import BadScript, Mistake
from talkpath.routing.router import ScriptRouter
from talkpath.routing.watching import Watch

_log = logging.getLogger("talkpath.script")


class Loaded(NamedTuple):
    """A script that may be taken, what is to be logged of it, and for which configuration."""

    script: Script
    doubts: list[Mistake]
    config: Config


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
        doubts: Callable[[Script, Config], Iterable[Mistake]] = lambda script, config: (),
    ) -> None:
        """Loads the script; `doubts` are what is logged of one beside. Raises BadConfig."""
        self._config = config
        self._doubts = doubts
        self._language = language
        self._loop = loop
        self._saved: asyncio.Task[None] | None = None
        self._hold_ups: HoldUps | None = None
        #: held from before a load until what it made is taken: of two loads the later one counts
        self.loading = asyncio.Lock()
        self.router: ScriptRouter | None = None
        if config.routing.script:
            script = load_checked(Path(config.routing.script))
            self._tell(doubts(script, config))
            self._watch = Watch(script.files)
            self.router = ScriptRouter(script, router_settings(config), loop, now, pump, self.hold_ups())

    def hold_ups(self) -> HoldUps:
        """Who breaks off functions that block, of this script and of any that is only tried."""
        if self._hold_ups is None:
            self._hold_ups = HoldUps()
        return self._hold_ups

    def close(self) -> None:
        """Nobody asks any more."""
        if self._saved is not None:
            self._saved.cancel()
        if self.router is not None:
            self.router.close()
        if self._hold_ups is not None:
            self._hold_ups.close()

    def look(self) -> None:
        """Load it anew if it was saved since."""
        if self.router is not None and self._watch.is_changed():
            self._saved = self._loop.create_task(self._load_saved())

    async def tried(self, config: Config) -> Loaded | None:
        """The script of a configuration, loaded beside the loop and not in use yet; None where there is none. Whoever
        asks holds `loading`. Raises BadConfig; the script that runs goes on then."""
        router = self.router
        if router is None:
            return None
        file, old = Path(config.routing.script), router.script

        def load_it() -> Loaded:
            script = load(file, old.kept)
            return Loaded(script, list(self._doubts(script, config)), config)

        self._watch.begin()
        try:
            return await asyncio.wait_for(beside(self._loop, load_it, "talkpath-script"), _LOAD_S)
        except BadScript as bad:
            self._watch.follow((*old.files, *(Path(one.place.file) for one in bad.mistakes)))
            raise bad_config(bad.mistakes) from bad
        except TimeoutError:
            give_up()
            slow = phrase(texts.TOO_SLOW, seconds=_LOAD_S)
            raise BadConfig([ConfigMistake(str(file), None, slow)]) from None

    def take(self, loaded: Loaded) -> None:
        """Ask this one from now on."""
        assert self.router is not None
        self._config = loaded.config
        self.router.settings = router_settings(loaded.config)
        self.router.use(loaded.script)
        self._tell(loaded.doubts)
        self._watch.follow(loaded.script.files)
        _log.info("%s", phrase(texts.RELOADED, file=loaded.script.file).say(self._language))

    async def _load_saved(self) -> None:
        async with self.loading:
            try:
                loaded = await self.tried(self._config)
            except BadConfig as bad:
                file = self._config.routing.script
                _log.warning("%s", phrase(texts.NOT_RELOADED, file=file).say(self._language))
                for one in bad.mistakes:
                    _log.warning("%s", one.say(self._language))
                return
            if loaded is not None:
                self.take(loaded)

    def _tell(self, mistakes: Iterable[Mistake]) -> None:
        for mistake in mistakes:
            _log.warning("%s", mistake.say(self._language))
