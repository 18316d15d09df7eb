"""What is wrong with gateways and their groups, beyond the types of their values."""

import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from talkpath.app.config import gateway_words as words
from talkpath.app.config.announcements import mistake_in_announcement
from talkpath.app.config.endpoints import parse_endpoint
from talkpath.app.config.gateways import Gateway
from talkpath.app.config.near import nearest
from talkpath.app.config.places import Path as KeyPath
from talkpath.app.config.tree import Config
from talkpath.app.console.phrase import Phrase, phrase

LineOf = Callable[[KeyPath], int]

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_USER = re.compile(r"[^\s\"\\<>@:;?\x00-\x1f\x7f]{1,128}")
_NUMBER = re.compile(r"\+?[0-9]{1,15}|[A-Za-z0-9._-]{1,64}")
_CODEC = re.compile(r"[A-Za-z0-9][A-Za-z0-9.-]{0,31}")


def check_name(value: str) -> Phrase | None:
    """What is wrong with the name of a gateway or group; None when it can be one."""
    return None if _NAME.fullmatch(value) else phrase(words.NOT_A_NAME, value=value)


def check_user(value: str) -> Phrase | None:
    """What is wrong with a user name at a carrier; None when it can be one."""
    return None if _USER.fullmatch(value) else phrase(words.NOT_A_GATEWAY_USER, value=value)


def check_codec(value: str) -> Phrase | None:
    """What is wrong with the name of a codec; None when it can be one."""
    return None if _CODEC.fullmatch(value) else phrase(words.NOT_A_CODEC, value=value)


def gateways(config: Config, line_of: LineOf) -> Iterator[tuple[KeyPath, Phrase]]:
    """Gateways and groups that cannot stand so."""
    first_at: dict[str, int] = {}
    for at, gateway in enumerate(config.gateways):
        path: KeyPath = ("gateways", at)
        if gateway.name in first_at:
            line = line_of(("gateways", first_at[gateway.name], "name"))
            yield (*path, "name"), phrase(words.GATEWAY_TWICE, gateway=gateway.name, line=line)
        first_at.setdefault(gateway.name, at)
        yield from (((*path, key), what) for key, what in of_one(gateway))
    yield from _authorities(config, line_of)
    yield from _groups(config, line_of)
    yield from _routing(config)


def of_one(gateway: Gateway) -> Iterator[tuple[str, Phrase]]:
    """Values of one gateway that cannot stand together, each with the key at which to look."""
    name = gateway.name
    has_password = gateway.password is not None and bool(gateway.password.reveal())
    if not gateway.name:
        yield "name", phrase(words.GATEWAY_WITHOUT_NAME)
    if not gateway.address:
        yield "address", phrase(words.GATEWAY_WITHOUT_ADDRESS, gateway=name)
    if gateway.register and not gateway.username:
        yield "register", phrase(words.REGISTER_WITHOUT_USER, gateway=name)
    if gateway.password is not None and not has_password:
        yield "password", phrase(words.EMPTY_GATEWAY_PASSWORD, gateway=name)
    elif has_password and not gateway.username:
        yield "password", phrase(words.PASSWORD_WITHOUT_USER, gateway=name)
    if gateway.ca and gateway.transport in ("UDP", "TCP"):
        yield "ca", phrase(words.CA_WITHOUT_TLS, gateway=name, transport=gateway.transport)
    for status in gateway.probe_dead:
        if not 300 <= status <= 699:
            yield "probe_dead", phrase(words.NOT_A_REFUSAL, status=status)


def files(config: Config) -> Iterator[tuple[KeyPath, Phrase]]:
    """Files of gateways that cannot be used."""
    for at, gateway in enumerate(config.gateways):
        yield from ((("gateways", at, key), what) for key, what in files_of_one(gateway))


def files_of_one(gateway: Gateway) -> Iterator[tuple[str, Phrase]]:
    """The same of one gateway, each with the key at which to look."""
    if gateway.ca:
        # Only who names one pays for loading the library that reads it.
        from talkpath.app.listening.certificate import mistake_in_certificates

        if (what := mistake_in_certificates(Path(gateway.ca))) is not None:
            yield "ca", what
    if (what := mistake_in_announcement(gateway.announcement)) is not None:
        yield "announcement", what


def _authorities(config: Config, line_of: LineOf) -> Iterator[tuple[KeyPath, Phrase]]:
    """Whoever connects knows a place by its name alone."""
    first_at: dict[str, int] = {}
    for at, gateway in enumerate(config.gateways):
        if gateway.transport in ("UDP", "TCP"):
            continue
        first = first_at.setdefault((parse_endpoint(gateway.address) or ("", None))[0].lower(), at)
        other = config.gateways[first]
        if other.ca != gateway.ca:
            line = line_of(("gateways", first))
            path: KeyPath = ("gateways", at, "ca")
            yield path, phrase(words.CA_DIFFERS, gateway=gateway.name, other=other.name, line=line)


def _groups(config: Config, line_of: LineOf) -> Iterator[tuple[KeyPath, Phrase]]:
    members = {gateway.group for gateway in config.gateways}
    first_at: dict[str, int] = {}
    for at, group in enumerate(config.gateway_groups):
        path: KeyPath = ("gateway_groups", at, "name")
        if group.name in first_at:
            line = line_of(("gateway_groups", first_at[group.name], "name"))
            yield path, phrase(words.GROUP_TWICE, group=group.name, line=line)
        elif group.name not in members and group.name != config.routing.outbound:
            yield path, without_members(group.name, members)
        first_at.setdefault(group.name, at)


def _routing(config: Config) -> Iterator[tuple[KeyPath, Phrase]]:
    members = {gateway.group for gateway in config.gateways}
    group = config.routing.outbound
    # Its gateways may be added while the edge runs; but a name that is nearly another's is a slip.
    if group and group not in members and nearest(group, list(members)) is not None:
        yield ("routing", "outbound"), without_members(group, members)
    users = [account.user for account in config.accounts]
    for number, user in config.routing.inbound.items():
        if not _NUMBER.fullmatch(number):
            yield ("routing", "inbound", number), phrase(words.NOT_A_NUMBER, value=number)
        near = nearest(user, users, cutoff=0.7) if user not in users else None
        if near is not None:
            yield ("routing", "inbound", number), phrase(words.NOBODY_NEAR, user=user, near=near)


def without_members(group: str, groups: Iterable[str]) -> Phrase:
    """A group is named in which no gateway stands; the nearest of `groups` may be meant."""
    near = nearest(group, list(groups))
    if near is not None:
        return phrase(words.GROUP_EMPTY_NEAR, group=group, near=near)
    return phrase(words.GROUP_EMPTY, group=group)
