"""Under which address media is told to whom."""

from ipaddress import ip_network

import pytest

from talkpath.base.address import Address, Flow, Hop, Target, Transport
from talkpath.edge.places.locality import Locality
from talkpath.edge.places.neighbours import Local, Surroundings
from talkpath.edge.settings import EdgeSettings
from talkpath.media.policy import MediaAddress
from talkpath.net.facing import Facing, MediaDoor
from talkpath.net.interfaces import Interfaces

HERE, HERE6, PUBLIC, OTHER = "192.0.2.1", "2001:db8::1", "203.0.113.5", "203.0.113.6"
NEAR, FAR = "192.0.2.20", "198.51.100.7"
AROUND = Surroundings((ip_network("192.0.2.0/24"),))


class Ways:
    """A host with one listener on every address."""

    def local_for(self, transport: Transport, remote: str) -> Address | None:
        return Address(HERE6 if ":" in remote else HERE, 5060)

    def source(self, remote: str) -> str | None:
        return HERE


class NoInterfaces(Interfaces):
    """A host that has what is configured, and no address besides."""

    def look(self) -> None:
        self.addresses = []


def _facing(*doors: MediaDoor, advertised: str = PUBLIC, local: Local | None = None) -> Facing:
    named = {(one, "*", 5060): Address(advertised, 5060) for one in Transport} if advertised else {}
    locality = Locality(EdgeSettings(advertised=named, local=local or Local()), lambda: AROUND)
    return Facing(doors, Ways(), NoInterfaces(), lambda: locality)


def _flow(host: str, transport: Transport = Transport.UDP) -> Flow:
    return Flow(transport, Address(HERE6 if ":" in host else HERE, 5060), Address(host, 5060))


def _told(facing: Facing, hop: Hop) -> list[tuple[str, str]]:
    return [(one.host, one.advertised) for one in facing.media_addresses(hop)]


@pytest.mark.parametrize("doors", [(), (MediaDoor(HERE),)])
def test_what_the_listener_advertises_counts_for_media(doors: tuple[MediaDoor, ...]) -> None:
    facing = _facing(*doors)
    assert _told(facing, _flow(FAR)) == [(HERE, PUBLIC)]
    assert _told(facing, _flow(NEAR)) == [(HERE, HERE)]
    assert _told(facing, Target(Transport.UDP, Address(FAR, 5060))) == [(HERE, PUBLIC)]
    assert _told(facing, Target(Transport.UDP, Address(NEAR, 5060))) == [(HERE, HERE)]


def test_unless_media_has_an_address_of_its_own() -> None:
    assert _told(_facing(MediaDoor(HERE, OTHER)), _flow(FAR)) == [(HERE, OTHER)]
    assert _told(_facing(MediaDoor(HERE, OTHER)), _flow(NEAR)) == [(HERE, HERE)]
    assert _told(_facing(MediaDoor(HERE, HERE)), _flow(FAR)) == [(HERE, HERE)]
    assert _told(_facing(MediaDoor(HERE, OTHER), advertised=""), _flow(NEAR)) == [(HERE, HERE)]


def test_a_name_cannot_stand_for_media() -> None:
    assert _told(_facing(advertised="sip.example.com"), _flow(FAR)) == [(HERE, HERE)]


def test_an_address_of_the_other_family_does_not_count() -> None:
    facing = _facing(MediaDoor(HERE6))
    assert _told(facing, _flow("2001:db8:7::2")) == [(HERE6, HERE6)]
    assert _told(facing, _flow(FAR)) == [(HERE, PUBLIC), (HERE6, HERE6)]


def test_of_several_addresses_each_serves_its_networks() -> None:
    inner = MediaDoor("10.0.0.1", "", (ip_network("10.0.0.0/8"),))
    facing = _facing(inner, MediaDoor(HERE))
    assert _told(facing, _flow("10.1.2.3"))[0][0] == "10.0.0.1"
    assert _told(facing, _flow(FAR)) == [(HERE, PUBLIC)]
    assert _told(facing, _flow(NEAR)) == [(HERE, HERE)]


def test_a_media_address_may_have_local_networks_of_its_own() -> None:
    facing = _facing(MediaDoor(HERE, OTHER, local=Local((ip_network("198.51.100.0/24"),), False)))
    assert _told(facing, _flow(FAR)) == [(HERE, HERE)]
    assert _told(facing, _flow(NEAR)) == [(HERE, OTHER)]


def test_what_changed_around_the_host_is_noticed() -> None:
    around = [Surroundings()]
    locality = Locality(
        EdgeSettings(advertised={(Transport.UDP, "*", 5060): Address(PUBLIC, 5060)}), lambda: around[0]
    )
    facing = Facing((), Ways(), NoInterfaces(), lambda: locality)
    assert _told(facing, _flow(NEAR)) == [(HERE, PUBLIC)]
    around[0] = AROUND
    facing.forget()
    assert _told(facing, _flow(NEAR)) == [(HERE, HERE)]
    assert facing.media_addresses(_flow(NEAR)) == (MediaAddress(HERE, HERE),)
