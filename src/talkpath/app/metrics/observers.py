"""Who is told of what a node does, as the configuration says: collectors of HEP, and of OpenTelemetry.

They come and go with the configuration; whom it leaves as it was does not notice.
"""

from functools import partial
from threading import Thread
from typing import NamedTuple

from talkpath.app.config.endpoints import parse_endpoint
from talkpath.app.config.hep import HepTarget
from talkpath.app.config.tree import Config
from talkpath.app.metrics.tracing import Tracing, tracing_of
from talkpath.base.texts import Language
from talkpath.calls.ledger import Ledger
from talkpath.calls.words import said
from talkpath.net.hep import Mirror, Target

_PORT = 9060


class Wanted(NamedTuple):
    """Who is to be told: those that are told already, or others that have not begun."""

    config: Config
    mirror: Mirror | None
    tracing: Tracing | None


class Observers:
    """See the module's docstring. Raises `Trouble` where what a collector needs is not installed."""

    def __init__(self, config: Config, ledger: Ledger, language: Language) -> None:
        self._ledger = ledger
        self._language = language
        self._config = config
        self.mirror = _mirror_of(config, language)
        self.tracing = tracing_of(config, language)
        ledger.mirror = self.mirror

    def start(self) -> None:
        """Begin to tell them."""
        for one in (self.mirror, self.tracing):
            if one is not None:
                one.start()

    def close(self) -> None:
        """What waits is told where that is possible at once."""
        for one in (self.mirror, self.tracing):
            if one is not None:
                one.close()

    def mirrored(self) -> dict[str, int]:
        """What became of what was mirrored; nothing where nobody gets it."""
        return {} if self.mirror is None else self.mirror.counters()

    def traced(self) -> dict[str, int]:
        """What became of the calls that ended, likewise."""
        return {} if self.tracing is None else self.tracing.counts()

    def queued(self) -> dict[str, int]:
        """How much waits, by who it is for."""
        told = {"hep": self.mirror, "tracing": self.tracing}
        return {name: one.queued for name, one in told.items() if one is not None}

    def made(self, config: Config) -> Wanted:
        """Who is told by another configuration. Takes time, changes nothing. Raises `Trouble`."""
        before = self._config
        mirror = self.mirror if config.hep == before.hep else _mirror_of(config, self._language)
        tracing = self.tracing if config.tracing == before.tracing else tracing_of(config, self._language)
        return Wanted(config, mirror, tracing)

    def take(self, wanted: Wanted) -> None:
        """Tell these from now on. Those before get what waits for them, and nobody waits for that."""
        before = self.mirror, self.tracing
        self._config, self.mirror, self.tracing = wanted
        self._ledger.mirror = self.mirror
        for one in (self.mirror, self.tracing):
            if one is not None and one not in before:
                one.start()
        for left in before:
            if left is not None and left not in (self.mirror, self.tracing):
                Thread(target=left.close, daemon=True).start()


def _mirror_of(config: Config, language: Language) -> Mirror | None:
    """Who gets all that crosses this edge, None where nobody does."""
    return Mirror(tuple(map(_target, config.hep)), partial(said, language=language)) if config.hep else None


def _target(given: HepTarget) -> Target:
    found = parse_endpoint(given.address)
    assert found is not None  # `talkpath check` and `run` refuse what is none
    host, port = found
    key = "" if given.key is None else given.key.reveal()
    return Target(host, port or _PORT, given.transport == "TCP", given.agent, given.node, key, given.secrets)
