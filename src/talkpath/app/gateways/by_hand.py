"""What the operator does to gateways by hand: a file in the state directory, which a running edge follows.

It holds the gateways that `talkpath gateways add` made, with their passwords, and the names of those that are
disabled; so both outlive a restart. It is for its owner alone.
"""

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from talkpath.app.config.gateways import Gateway
from talkpath.app.config.tree import Config
from talkpath.app.console.phrase import Phrase, phrase
from talkpath.app.gateways import words as texts
from talkpath.app.gateways.settings import gateway_settings
from talkpath.app.state.by_hand import FileByHand
from talkpath.app.state.directory import state_directory
from talkpath.base.errors import Malformed, Unavailable
from talkpath.base.redact import Secret
from talkpath.base.texts import Language
from talkpath.edge.gateways.table import Gateways

_log = logging.getLogger(__name__)

_FILE = "gateways.json"


class ByHand(msgspec.Struct, frozen=True):
    """The content of the file."""

    added: tuple[dict[str, Any], ...] = ()
    disabled: tuple[str, ...] = ()

    def gateways(self) -> list[Gateway]:
        """Those that were added; what this version cannot read is left out."""
        found = []
        for values in self.added:
            try:
                found.append(gateway_of(values))
            except (TypeError, ValueError):
                continue
        return found


def gateway_of(values: dict[str, Any]) -> Gateway:
    """A gateway from plain values. Raises TypeError and ValueError."""
    password = values.get("password")
    plain = msgspec.convert({**values, "password": None}, type=Gateway)
    return plain if password is None else msgspec.structs.replace(plain, password=Secret(str(password)))


def values_of(gateway: Gateway) -> dict[str, Any]:
    """The reverse of `gateway_of`: the password in clear."""
    values = {name: getattr(gateway, name) for name in gateway.__struct_fields__ if name != "password"}
    password = {} if gateway.password is None else {"password": gateway.password.reveal()}
    return {**values, **password}


def lacking(config: Config) -> Iterator[Phrase]:
    """What is to be said of a group that gets calls out and in which no gateway stands yet."""
    group = config.routing.outbound
    by_hand = OwnGateways(state_directory(config)).file.read()
    if group and group not in {one.group for one in (*config.gateways, *by_hand.gateways())}:
        yield phrase(texts.NONE_IN_GROUP, group=group)


class OwnGateways:
    """See the module's docstring."""

    def __init__(self, state: Path, language: Language = Language.EN) -> None:
        self._language = language
        self.file = FileByHand(state / _FILE, ByHand, ByHand())
        self._added: dict[str, Gateway] = {}
        self._disabled: set[str] = set()

    def follow(self, gateways: Gateways, now: float) -> None:
        """Make the running gateways what the file says, where it changed since this was last asked. A gateway of the
        configuration stays what it is."""
        if not self.file.has_changed():
            return
        by_hand = self.file.read()
        self._follow_added({one.name: one for one in by_hand.gateways()}, gateways, now)
        disabled = set(by_hand.disabled)
        for name in disabled ^ self._disabled:
            if (gateway := gateways.named(name)) is not None:
                gateway.disable(name in disabled, now)
        self._disabled = disabled

    def overruled(self, changed: set[str], gateways: Gateways, now: float) -> None:
        """The configuration says something else of these gateways: where it has one, that counts; where it has one no
        more, the one that was added by hand. What is disabled stays so."""
        for name in changed:
            self._added.pop(name, None)
        by_hand = self.file.read()
        self._follow_added({one.name: one for one in by_hand.gateways()}, gateways, now)
        for name in changed.intersection(by_hand.disabled):
            if (gateway := gateways.named(name)) is not None and not gateway.is_disabled:
                gateway.disable(True, now)

    def _follow_added(self, wanted: dict[str, Gateway], gateways: Gateways, now: float) -> None:
        for name, one in list(self._added.items()):
            if wanted.get(name) != one:
                gateways.remove(name, now)
                del self._added[name]
                self._disabled.discard(name)
        for name, one in wanted.items():
            if name not in self._added and gateways.named(name) is None:
                try:
                    settings = gateway_settings(one)
                except (Malformed, Unavailable) as error:
                    # Its callers are to be told of something; without it they must not be recorded.
                    _log.error("%s", texts.NOT_ADDED.say(self._language, name=name, why=error.reason))
                    continue
                gateways.add(settings, now)
                self._added[name] = one
