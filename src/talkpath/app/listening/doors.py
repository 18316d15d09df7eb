"""Which listeners are opened, and what is said of those that are not."""

from collections.abc import Iterator

import msgspec

from talkpath.app.config.checks import unfit_certificate, unfit_others
from talkpath.app.config.listeners import Listener
from talkpath.app.config.tree import Config
from talkpath.app.console.phrase import Misuse, Phrase, phrase
from talkpath.app.listening import words as texts
from talkpath.base.address import Transport


def with_fit_certificate(config: Config) -> tuple[Config, tuple[Phrase, ...]]:
    """The configuration without the listeners whose certificate nobody would take, and what is to be said of them.

    An edge with an ended certificate still has phones that need none. Raises `Misuse` where no listener is left.
    """
    config, left_out = _with_fit_others(config)
    mistakes = [what for _, what in unfit_certificate(config)]
    if not mistakes or not any(door.transport.is_secure for door in config.doors):
        return config, left_out
    left = tuple(door for door in config.doors if not door.transport.is_secure)
    closed = _transports({door.transport for door in config.doors if door.transport.is_secure})
    if not left:
        raise Misuse("no-listener", phrase(texts.NONE_LEFT, what=mistakes[0]))
    said = (*left_out, *(phrase(texts.CLOSED, what=what, transports=closed) for what in mistakes))
    return msgspec.structs.replace(config, listeners=left), said


def _with_fit_others(config: Config) -> tuple[Config, tuple[Phrase, ...]]:
    mistakes = [(path[2], what) for path, what in unfit_others(config)]
    if not mistakes:
        return config, ()
    unfit = {at for at, _ in mistakes}
    fit = tuple(one for at, one in enumerate(config.tls.others) if at not in unfit)
    said = tuple(phrase(texts.LEFT_OUT, what=what) for _, what in mistakes)
    return msgspec.structs.replace(config, tls=msgspec.structs.replace(config.tls, others=fit)), said


def unnamed(config: Config) -> Iterator[Phrase]:
    """That some transports are not listened to, because the listeners that are named are all there are."""
    have = {door.transport for door in config.doors}
    if missing := set(Transport) - have:
        values = {"open": _ports(config.doors), "closed": _transports(missing)}
        is_page_gone = config.page.enabled and not any(one.is_websocket for one in have)
        yield Phrase(texts.UNNAMED_WITH_PAGE if is_page_gone else texts.UNNAMED, values)


def _transports(some: set[Transport]) -> str:
    return ", ".join(one.value for one in Transport if one in some)


def _ports(doors: tuple[Listener, ...]) -> str:
    return ", ".join(dict.fromkeys(f"{door.transport.value} {door.listening_port}" for door in doors))
