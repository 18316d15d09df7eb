"""What `talkpath bans` does. Bans added by hand are a file in the state directory, which a running edge follows;
those of the guard are the edge's own, and it is asked for them.
"""

import re
import sys
import time
from collections.abc import Sequence
from ipaddress import ip_network
from pathlib import Path

import msgspec

from talkpath.app.config.tree import Config
from talkpath.app.console.phrase import Misuse, Trouble, phrase
from talkpath.app.console.rows import print_json, print_rows
from talkpath.app.node.control import ControlClient
from talkpath.app.state.by_hand import FileByHand
from talkpath.app.state.directory import make_state_directory, state_directory
from talkpath.app.users import bans_words as texts
from talkpath.base.readable import printable
from talkpath.base.texts import Language
from talkpath.calls.guarded import Ban
from talkpath.edge.admission.guard import Guard

_FILE = "bans.json"
_SPAN = re.compile(r"^(\d+)([smhd])$")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}


class OwnBans:
    """The bans added by hand, in their file. `known` are those that it had when it was last followed."""

    def __init__(self, state: Path) -> None:
        self.known: list[Ban] = []
        self.file = FileByHand[tuple[Ban, ...]](state / _FILE, tuple[Ban, ...], ())

    def read(self, now: float) -> list[Ban]:
        """Those in force, the oldest first."""
        return [ban for ban in self.file.read() if ban.until is None or ban.until > now]

    def follow(self, guard: Guard, now: float) -> None:
        """Make the guard's bans by hand those of the file, where it changed since this was last asked."""
        if not self.file.has_changed():
            return
        self.known = self.read(now)
        wanted = {ban.source: ban for ban in self.known}
        for ban in guard.bans(now):
            if not ban.code and ban.source not in wanted:
                guard.lift(ban.source, now)
        for ban in wanted.values():
            guard.ban(ban.source, ban.until, ban.note, now, ban.node)

    def add(self, ban: Ban) -> None:
        """Another node made one. Raises OSError."""
        with self.file.alone():
            kept = self.file.read()
            if ban not in kept:
                self.file.write((*(one for one in kept if one.source != ban.source), ban))

    def remove(self, source: str) -> None:
        """Another node lifted one. Raises OSError."""
        with self.file.alone():
            kept = self.file.read()
            left = tuple(one for one in kept if one.source != source)
            if len(left) < len(kept):
                self.file.write(left)


def print_bans(config: Config, language: Language, *, as_json: bool) -> None:
    """Print the bans in force, the oldest first."""
    directory = state_directory(config)
    bans = ControlClient(directory).bans()
    if bans is None:
        bans = OwnBans(directory).read(time.time())
        if not as_json:
            print(texts.NO_EDGE.say(language), file=sys.stderr)
    if as_json:
        print_json([msgspec.to_builtins(one) for one in bans])
    elif not bans:
        print(texts.NONE.say(language), file=sys.stderr)
    else:
        print_rows(texts.HEADS, [_cells(ban, language) for ban in bans], language)


def add(config: Config, networks: Sequence[str], span: str, note: str, language: Language) -> None:
    """Ban networks, all or none. Raises `Trouble`."""
    now = time.time()
    until = now + _seconds(span) if span else None
    sources = [_network(text) for text in networks]
    own = OwnBans(make_state_directory(state_directory(config)))
    with own.file.alone():
        kept = [ban for ban in own.read(now) if ban.source not in sources]
        own.file.write((*kept, *(Ban(0, source, now, until, note=note) for source in sources)))
    for source in sources:
        print(texts.ADDED.say(language, source=source), file=sys.stderr)


def lift(config: Config, sources: Sequence[str], language: Language) -> None:
    """End bans, whoever made them. Raises `Trouble` for who is not banned."""
    directory = state_directory(config)
    own, edge = OwnBans(make_state_directory(directory)), ControlClient(directory)
    for given in sources:
        source = given if _has_port(given) else _network(given)
        with own.file.alone():
            kept = own.read(time.time())
            left = tuple(ban for ban in kept if ban.source != source)
            if len(left) < len(kept):
                own.file.write(left)
        if not edge.lift(source) and len(left) == len(kept):
            raise Trouble("not-banned", phrase(texts.NOT_BANNED, source=printable(given)))
        print(texts.LIFTED.say(language, source=source), file=sys.stderr)


def _has_port(text: str) -> bool:
    return "]:" in text or (text.count(":") == 1 and text.rpartition(":")[2].isdigit())


def _network(text: str) -> str:
    try:
        where = ip_network(text, strict=False)
    except ValueError:
        raise Misuse("no-network", phrase(texts.NO_NETWORK, given=printable(text))) from None
    return str(where.network_address) if where.prefixlen == where.max_prefixlen else str(where)


def _seconds(text: str) -> int:
    span = _SPAN.match(text)
    if span is None:
        raise Misuse("bad-span", phrase(texts.BAD_SPAN, given=printable(text)))
    return int(span[1]) * _SECONDS[span[2]]


def _note(ban: Ban, language: Language) -> str:
    note = ban.note or ban.tool
    return texts.OF_NODE.say(language, node=ban.node, note=note).strip() if ban.node else note


def _cells(ban: Ban, language: Language) -> list[str]:
    now = time.time()
    ends = texts.NEVER.say(language) if ban.until is None else f"{max(0.0, ban.until - now):.0f} s"
    sent = ", ".join(f"{count} {method}" for method, count in ban.methods.items())
    return [
        ban.source,
        time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(ban.since)),
        ends,
        ban.code,
        f"{ban.kind} ({ban.over})" if ban.over else ban.kind,
        sent,
        ", ".join(ban.users),
        _note(ban, language),
    ]
