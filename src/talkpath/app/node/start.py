"""From a configuration to a running node: what is prepared before, what is said after, and how it ends."""

import asyncio
import signal
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from shlex import quote
from typing import Protocol

import uvloop

from talkpath.app import words
from talkpath.app.check.remarks import too_few_descriptors
from talkpath.app.config.tree import Config
from talkpath.app.console.phrase import Phrase, phrase
from talkpath.app.gateways.by_hand import lacking
from talkpath.app.listening.certificate import certificates_of
from talkpath.app.listening.doors import unnamed, with_fit_certificate
from talkpath.app.listening.presented import Presented
from talkpath.app.log.log import start_logging
from talkpath.app.node.banner import ReadyAccount, banner
from talkpath.app.node.stopping import Drains, StopSignals, until_stopped
from talkpath.app.process.systemd import Systemd
from talkpath.app.reload.legacy import Legacy, begin_anew, inherited
from talkpath.app.state.directory import DATABASE, make_state_directory, state_directory
from talkpath.app.state.private import close_to_others, readable_secrets
from talkpath.app.state.stored import open_accounts
from talkpath.app.users.accounts import Users, ready_accounts
from talkpath.base.texts import Language
from talkpath.net.descriptors import Descriptors
from talkpath.store.mishaps import named


@dataclass(frozen=True, slots=True)
class Prepared:
    """All that a node needs before it opens a socket. `presented` are the certificates of secure listeners."""

    config: Config
    state: Path
    database: Path
    users: Users
    ready: list[ReadyAccount]
    presented: Presented
    #: what the process before this one left
    legacy: Legacy
    language: Language
    descriptors: Descriptors
    #: the configuration as its file is now, with a fit certificate where that is asked for. Raises `BadConfig`
    read: Callable[[bool], Config]
    #: what others could read or still can, what is lacking and which listeners stay closed, to be said at start
    closed: tuple[Phrase, ...] = ()


class Node(Drains, Protocol):
    """What is started and stopped here."""

    @property
    def drain_timeout_s(self) -> float:
        """How long running calls get to end when it stops."""

    #: gives its place to another process
    upgrade: Callable[[], None]

    @property
    def media_by_sockets(self) -> str:
        """Why media cannot pass in the kernel, though it may; empty where it does, or may not."""

    def reload(self) -> None:
        """Take up the configuration anew, soon."""

    async def bequeath(self) -> Legacy:
        """Hear nothing more; what the process is left that takes the place of this one."""

    async def open(self) -> None:
        """Open every listener. Raises `Trouble`."""

    async def close(self) -> None:
        """End what still runs and close everything."""


def prepare(
    config: Config, language: Language, file: Path | None = None, read: Callable[[bool], Config] | None = None
) -> Prepared:
    """Make or find the state directory, the certificate and the accounts; `file` is what the configuration was read
    from, and `read` reads it again. Raises `Unavailable`, and `Misuse` where nothing would be heard."""
    state = make_state_directory(state_directory(config))
    shut = tuple(unnamed(config))
    config, unfit = with_fit_certificate(config)
    closed = (*close_to_others(state).said, *readable_secrets(config, file), *lacking(config), *shut, *unfit)
    stored, damage = open_accounts(state)
    with named(state / DATABASE):
        ready = ready_accounts(config, state, stored)
    presented = Presented(certificates_of(config, state), language)
    users = Users(config, stored)
    said = (*closed, *damage)
    return Prepared(
        config,
        state,
        state / DATABASE,
        users,
        ready,
        presented,
        inherited(),
        language,
        Descriptors.of_process(),
        read or (lambda is_strict: config),
        said,
    )


def run(prepared: Prepared, make_node: Callable[[Prepared], Awaitable[Node]]) -> None:
    """Run a node until it is told to stop. Raises `Trouble` when it cannot start."""
    start_logging(prepared.config.log.level, prepared.config.log.format)
    legacy = uvloop.run(_run(prepared, make_node))
    if legacy is not None:
        begin_anew(legacy)


async def _run(prepared: Prepared, make_node: Callable[[Prepared], Awaitable[Node]]) -> Legacy | None:
    def say(what: Phrase) -> None:
        print(what.say(prepared.language), file=sys.stderr, flush=True)

    stop = StopSignals()
    stop.listen()
    # From `open` on the node takes them itself; who sends one earlier changed the file after it was read.
    early: list[int] = []
    asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, early.append, signal.SIGHUP)
    node = await make_node(prepared)
    legacy: Legacy | None = None
    systemd = Systemd()
    try:
        for what in (*prepared.closed, *too_few_descriptors(prepared.config, prepared.descriptors)):
            say(what)
        node.upgrade = stop.upgrade
        await node.open()
        systemd.ready()
        print(_banner(prepared), end="", flush=True)
        prepared.users.note_shown()
        if reason := node.media_by_sockets:
            say(phrase(words.MEDIA_BY_SOCKETS, reason=reason))
        if strangers := prepared.users.of_another_realm():
            say(phrase(words.OTHER_REALM, users=", ".join(strangers)))
        if early:
            node.reload()
        await until_stopped(node, lambda: node.drain_timeout_s, say, stop, systemd.stopping)
        if stop.is_upgrade:
            legacy = await node.bequeath()
    finally:
        await node.close()
    say(phrase(words.STOPPED if legacy is None else words.REPLACED))
    return legacy


def _banner(prepared: Prepared) -> str:
    shown = prepared.presented.files
    certificate = str(shown[0].certificate) if shown and not prepared.config.tls.certificate else ""
    is_found = prepared.state == state_directory(Config())
    where = "" if is_found else f" --state {quote(str(prepared.state))}"
    return banner(prepared.config, prepared.ready, len(prepared.users), certificate, where, prepared.language)
