"""What `talkpath check` says of a configuration that has no mistake and yet may not do what its writer means."""

import errno
import ipaddress
from collections.abc import Iterator
from pathlib import Path

from talkpath.app import words
from talkpath.app.check import words as texts
from talkpath.app.config.endpoints import is_address, parse_address_and_port, parse_endpoint
from talkpath.app.config.listeners import Listener
from talkpath.app.config.tree import Config
from talkpath.app.console.phrase import Phrase, phrase
from talkpath.app.listening.doors import unnamed
from talkpath.app.node.control import running_edge
from talkpath.app.process.host import addresses_of, cannot_listen, holders
from talkpath.base.address import Address, Transport
from talkpath.base.texts import Text
from talkpath.net.descriptors import Descriptors

# Two ports on each side, each a socket; and what is open without calls: listeners, the database, logs, the loop.
FILES_OF_A_CALL = 4
FILES_AT_REST = 48


def remarks(config: Config) -> Iterator[Phrase]:
    """What can be said of a configuration wherever it is used."""
    yield from unnamed(config)
    yield from _media_without_address(config)
    yield from _everybody(config)


def remarks_here(config: Config) -> Iterator[Phrase]:
    """What can be said of it on the host that is to use it, its limits apart."""
    from talkpath.app.check.certificates import certificate_remarks

    yield from _unproven(config)
    yield from certificate_remarks(config)


def ports_taken(config: Config, state: Path) -> Iterator[Phrase]:
    """The ports that an edge could not open now, because another program has them; those of the edge that runs with
    this state directory are free for the one that follows it. Nothing is opened to see that."""
    ours = running_edge(state)
    for door in doors_and_page(config):
        for holder in holders(door):
            if ours is None or holder.pid != ours:
                address = Address(holder.host, door.listening_port)
                yield cannot_listen(door, address, OSError(errno.EADDRINUSE, "")).what
                break


def too_few_descriptors(config: Config, descriptors: Descriptors) -> Iterator[Phrase]:
    """Whether a process may open fewer files than the configured calls need."""
    media, limits = config.media, config.limits
    wanted = min(limits.calls, (media.last_port - media.first_port + 1) // FILES_OF_A_CALL)
    enough_for = calls_within(descriptors)
    if enough_for < wanted:
        yield phrase(words.FEW_DESCRIPTORS, limit=descriptors.limit, calls=enough_for, wanted=wanted)


def calls_within(descriptors: Descriptors) -> int:
    """For how many calls so many files are enough."""
    return max(0, descriptors.media - FILES_AT_REST) // FILES_OF_A_CALL


def doors_and_page(config: Config) -> Iterator[Listener]:
    """The listeners, with that of the metrics."""
    yield from config.doors
    if (page := parse_address_and_port(config.metrics.listen)) is not None:
        yield Listener(transport=Transport.TCP, address=page.host, port=page.port)


def _media_without_address(config: Config) -> Iterator[Phrase]:
    """A name cannot be written into SDP, so media has no address of its own outside."""
    named = {endpoint[0] for door in config.doors if (endpoint := parse_endpoint(door.advertised))}
    names = sorted(name for name in named if not is_address(name))
    if names and not any(media.advertised for media in config.media.addresses):
        yield phrase(texts.MEDIA_WITHOUT_ADDRESS, names=", ".join(names))


def _everybody(config: Config) -> Iterator[Phrase]:
    lists: list[tuple[tuple[str, ...], Text]] = [
        (config.authentication.trusted, texts.EVERYBODY_TRUSTED),
        (config.websocket.trusted_proxies, texts.EVERYBODY_PROXY),
    ]
    if config.page.enabled and config.page.guests:
        lists.append((config.page.guests_from, texts.EVERYBODY_GUEST))
    for networks, text in lists:
        if wide := [one for one in networks if ipaddress.ip_network(one, strict=False).prefixlen == 0]:
            yield phrase(text, networks=", ".join(wide))


def _unproven(config: Config) -> Iterator[Phrase]:
    """Nobody is asked for a password, where strangers come by."""
    if config.authentication.callers == "never" and (address := _public_address(config)):
        yield phrase(texts.NEVER_ON_PUBLIC, address=address)


def _public_address(config: Config) -> str:
    """An address or name at which the Internet reaches a listener; "" where none is known."""
    for door in config.doors:
        told = parse_endpoint(door.advertised)
        at = [told[0]] if told is not None else addresses_of(door.address)
        for host in at:
            if not is_address(host) or ipaddress.ip_address(host).is_global:
                return host
    return ""
