"""What is beyond this host, as `talkpath doctor` asks for it: names in DNS, and where a STUN server sees us.

Nobody is asked but the servers of /etc/resolv.conf and the STUN servers that were named on the command line.
"""

import asyncio
import random
import socket
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

from talkpath.app.config.endpoints import is_address, parse_endpoint
from talkpath.app.config.gateways import Gateway
from talkpath.app.config.tree import Config
from talkpath.app.console.phrase import phrase
from talkpath.app.doctor import words as texts
from talkpath.app.doctor.look import Health, Look
from talkpath.app.doctor.ports import stun_answer
from talkpath.app.gateways.by_hand import OwnGateways
from talkpath.app.process.host import addresses_of, host_addresses
from talkpath.base.address import Address, Located, Transport
from talkpath.net.dns import Resolver
from talkpath.net.location import Question
from talkpath.net.records import Records, Servers
from talkpath.sip.uri import Uri

# Questions of DNS at a time.
_AT_ONCE = 32
# So many media ports are tried until one is free to ask from.
_PORTS_TRIED = 20
# Of names that lead to many places.
_SHOWN = 4


class Seen(NamedTuple):
    """Where a STUN server saw a port of ours; `at` None where it gave no answer."""

    server: str
    local: Address
    at: Address | None


async def look_outside(config: Config, state: Path, stun: Sequence[tuple[str, int]]) -> list[Look]:
    """Names and NAT. Takes as long as the slowest server of DNS, then up to 1.5 s for each STUN server."""
    names = _Names(config)
    told = _told_outside(config)
    addresses = await asyncio.gather(*map(names.addresses, told))
    ours = {*host_addresses(), *(one for several in addresses for one in several)}
    looks = await asyncio.gather(
        *(names.domain(one, ours) for one in config.domains if not is_address(one)),
        *(names.gateway(one, host) for one in _gateways(config, state) if (host := _name_of(one))),
    )
    seen = [await names.seen(*one) for one in stun]
    nat = nat_looks(config, seen, dict(zip(told, addresses, strict=True)))
    return [*nat, *(looks or [Look(texts.NAMES, Health.GOOD, phrase(texts.NO_NAMES))])]


def nat_looks(config: Config, seen: Sequence[Seen], told: Mapping[str, Sequence[str]]) -> Iterator[Look]:
    """What several answers mean together; `told` are the names and addresses that phones outside are told, with the
    addresses to which each leads."""
    for server, local, at in seen:
        if at is None:
            yield Look(texts.NAT, Health.PROBLEM, phrase(texts.STUN_SILENT, server=server))
        else:
            yield _nat_look(config, Seen(server, local, at), at, told)
    answers = [one for one in seen if one.at is not None]
    changed = [one for one in answers if one.at is not None and one.at.port != one.local.port]
    if len({one.at for one in answers}) > 1:
        places = ", ".join(str(one.at) for one in answers)
        yield Look(texts.NAT, Health.NOTE, phrase(texts.NAT_BY_TARGET, seen=places))
    elif changed:
        server, local, at = changed[0]
        values = {"local_port": local.port, "seen_port": 0 if at is None else at.port, **_media(config)}
        yield Look(texts.NAT, Health.NOTE, phrase(texts.PORT_CHANGED, server=server, **values))


def _nat_look(config: Config, seen: Seen, at: Address, told: Mapping[str, Sequence[str]]) -> Look:
    values: dict[str, object] = {"server": seen.server, "local": seen.local.host, "seen": at.host}
    if told and not any(at.host in addresses for addresses in told.values()):
        said = phrase(texts.ADVERTISED_OTHERWISE, told=", ".join(told), **values)
        return Look(texts.NAT, Health.PROBLEM, said)
    if told:
        return Look(texts.NAT, Health.GOOD, phrase(texts.SEEN_AS, **values))
    if at.host == seen.local.host:
        return Look(texts.NAT, Health.GOOD, phrase(texts.NO_NAT, server=seen.server, address=at.host))
    return Look(texts.NAT, Health.PROBLEM, phrase(texts.NOT_ADVERTISED, **values, **_media(config)))


class _Names:
    """Asks for names as the edge does, with the listeners of this configuration."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._records = Records(Servers(), time.monotonic, _AT_ONCE, lambda *_: None)
        self._resolver = Resolver(self._records, self, lambda: None, time.monotonic)

    # --- by which ways we can send (see `Ways`)

    def listens(self, transport: Transport, is_ipv6: bool) -> bool:
        doors = (one for one in self._config.doors if one.transport is transport)
        return any(Address(host, 0).is_ipv6 is is_ipv6 for door in doors for host in addresses_of(door.address))

    def local_for(self, transport: Transport, remote: str) -> Address | None:
        local = _facing(remote)
        return None if local is None else Address(local, 0)

    # --- looks

    async def domain(self, name: str, ours: set[str]) -> Look:
        """Whether phones that are told the domain alone find this host."""
        located = await self._located(Uri.parse(f"sip:{name}"))
        values = {"name": name, "targets": _shown(located)}
        if not located.targets:
            text = texts.DOMAIN_NOWHERE if located.is_answered else texts.NAME_UNANSWERED
            return Look(texts.NAMES, Health.NOTE if located.is_answered else Health.PROBLEM, phrase(text, name=name))
        if any(target.remote.host in ours for target in located.targets):
            return Look(texts.NAMES, Health.GOOD, phrase(texts.DOMAIN_HERE, **values))
        return Look(texts.NAMES, Health.NOTE, phrase(texts.DOMAIN_ELSEWHERE, **values))

    async def gateway(self, gateway: Gateway, host: str) -> Look:
        """Whether its name leads somewhere."""
        transport = "" if gateway.transport is None else f";transport={gateway.transport.lower()}"
        located = await self._located(Uri.parse(f"sip:{gateway.address}{transport}"))
        if located.targets:
            said = phrase(texts.GATEWAY_LEADS, gateway=gateway.name, name=host, targets=_shown(located))
            return Look(texts.NAMES, Health.GOOD, said)
        if not located.is_answered:
            return Look(texts.NAMES, Health.PROBLEM, phrase(texts.NAME_UNANSWERED, name=host))
        said = phrase(texts.GATEWAY_NOWHERE, gateway=gateway.name, name=host)
        return Look(texts.NAMES, Health.PROBLEM, said)

    async def seen(self, host: str, port: int) -> Seen:
        """Where a STUN server sees a media port of ours."""
        server = str(Address(host, port))
        addresses = await self.addresses(host)
        remote = Address(addresses[0], port) if addresses else None
        local = None if remote is None else _facing(remote.host)
        if remote is None or local is None:
            return Seen(server, Address("", 0), None)
        family = socket.AF_INET6 if remote.is_ipv6 else socket.AF_INET
        with closing(socket.socket(family, socket.SOCK_DGRAM)) as speaker:
            _bind(speaker, local, range(self._config.media.first_port, self._config.media.last_port + 1))
            at = await asyncio.to_thread(stun_answer, speaker, remote)
            return Seen(server, Address(*speaker.getsockname()[:2]), at)

    async def addresses(self, host: str) -> list[str]:
        """IPv4 before IPv6; of an address itself."""
        if is_address(host):
            return [host]
        questions = [Question(host, "A"), Question(host, "AAAA")]
        answers = await self._records.find(questions)
        return [one for question in questions for one in answers[question] if isinstance(one, str)]

    async def _located(self, uri: Uri) -> Located:
        found: asyncio.Future[Located] = asyncio.get_running_loop().create_future()
        self._resolver.resolve(uri, lambda located, _: found.set_result(located))
        return await found


def _told_outside(config: Config) -> list[str]:
    """The names and addresses that phones outside are told."""
    doors = (endpoint[0] for door in config.doors if (endpoint := parse_endpoint(door.advertised)))
    return list(dict.fromkeys((*doors, *(one.advertised for one in config.media.addresses if one.advertised))))


def _gateways(config: Config, state: Path) -> list[Gateway]:
    return [*config.gateways, *OwnGateways(state).file.read().gateways()]


def _name_of(gateway: Gateway) -> str:
    """The name that must be looked up; "" for an address."""
    host = (parse_endpoint(gateway.address) or (gateway.address, None))[0]
    return "" if is_address(host) else host


def _shown(located: Located) -> str:
    """The first places, each once."""
    places = dict.fromkeys(f"{one.transport.value} {one.remote}" for one in located.targets)
    return ", ".join([*list(places)[:_SHOWN], *(["..."] if len(places) > _SHOWN else [])])


def _media(config: Config) -> dict[str, object]:
    return {"first": config.media.first_port, "last": config.media.last_port}


def _facing(remote: str) -> str | None:
    """Our address on the way to another; None where no way leads there. Nothing is sent."""
    with closing(socket.socket(socket.AF_INET6 if ":" in remote else socket.AF_INET, socket.SOCK_DGRAM)) as one:
        try:
            one.connect((remote, 9))
        except OSError:
            return None
        return str(one.getsockname()[0])


def _bind(speaker: socket.socket, local: str, ports: range) -> None:
    """To a media port that is free, since these must be reached; where many are taken, to any."""
    for port in (*random.choices(ports, k=_PORTS_TRIED), 0):
        try:
            speaker.bind((local, port))
        except OSError:
            continue
        return
