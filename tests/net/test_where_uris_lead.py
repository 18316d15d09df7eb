"""RFC 3263 against a DNS server of our own: which questions are asked, and which targets in which order follow."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.net.dns_server import DnsServer

from talkpath.base import limits
from talkpath.base.address import Address, Located, Target, Transport
from talkpath.net.dns import Resolver
from talkpath.net.hosts import HostsFile
from talkpath.net.location import Srv, arranged
from talkpath.net.records import Records, Servers, Waits
from talkpath.sip.uri import Uri

UDP, TCP, TLS = Transport.UDP, Transport.TCP, Transport.TLS
# Enough for a busy machine; and where nobody answers.
WAITS = Waits(try_s=2.0, whole_s=20.0, with_older_s=0.1)
IMPATIENT = Waits(try_s=0.2, whole_s=0.4, with_older_s=0.1)


class World:
    """A resolver, the server it asks, and the time."""

    def __init__(self, directory: Path) -> None:
        self.now = 1_000_000.0
        self.server = DnsServer(directory)
        self.hosts = directory / "hosts"
        self.hosts.write_text("127.0.0.1 localhost\n203.0.113.50 pbx.example.net pbx # ours\n::1 localhost\n")
        self.transports = {UDP, TCP, TLS}
        self.has_ipv6 = True
        self.told: list[tuple[str, bool]] = []
        self.answered = 0

    async def start(self, waits: Waits = WAITS) -> None:
        if not self.server.port:
            await self.server.start()
        servers = Servers(waits, str(self.server.conf), self.server.port)
        hosts = HostsFile(self.hosts)
        self.records = Records(servers, self.time, 64, lambda *told: self.told.append(told), hosts, waits)
        self.resolver = Resolver(self.records, self, self.came, self.time)

    def time(self) -> float:
        return self.now

    def came(self) -> None:
        self.answered += 1

    def listens(self, transport: Transport, is_ipv6: bool) -> bool:
        return transport in self.transports and (self.has_ipv6 or not is_ipv6)

    def local_for(self, transport: Transport, remote: str) -> Address | None:
        return Address("x", 5060) if self.listens(transport, ":" in remote) else None

    async def targets(self, uri: str) -> list[Target]:
        return (await self.located(uri)).targets

    async def located(self, uri: str) -> Located:
        found: asyncio.Future[Located] = asyncio.get_running_loop().create_future()
        self.resolver.resolve(Uri.parse(uri), lambda located, _: found.set_result(located))
        return await asyncio.wait_for(found, 30)

    async def shown(self, uri: str) -> list[str]:
        return [f"{one.transport} {one.remote}" for one in await self.targets(uri)]


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    world = World(tmp_path)
    await world.start()
    yield world
    world.server.stop()


def carrier(world: World) -> None:
    """A domain with two servers for each transport."""
    dns = world.server
    for number, prefix in ((5060, "_sip._udp"), (5070, "_sip._tcp"), (5061, "_sips._tcp")):
        dns.add(f"{prefix}.carrier.net", "SRV", f"20 0 {number} b.carrier.net.", f"10 0 {number} a.carrier.net.")
    dns.add("a.carrier.net", "A", "198.51.100.1")
    dns.add("b.carrier.net", "A", "198.51.100.2")


# --- which transports, in which order (sections 4.1 and 4.2)


async def test_a_domain_without_wishes_leads_to_all_its_services(world: World) -> None:
    carrier(world)
    assert await world.shown("sip:1@carrier.net") == [
        "UDP 198.51.100.1:5060",
        "UDP 198.51.100.2:5060",
        "TCP 198.51.100.1:5070",
        "TCP 198.51.100.2:5070",
        "TLS 198.51.100.1:5061",
        "TLS 198.51.100.2:5061",
    ]
    assert {one.name for one in await world.targets("sip:1@carrier.net")} == {"carrier.net"}


async def test_naptr_orders_the_transports_and_names_the_services(world: World) -> None:
    carrier(world)
    world.server.add(
        "carrier.net",
        "NAPTR",
        '20 10 "s" "SIP+D2U" "" _sip._udp.carrier.net.',
        '10 20 "s" "SIP+D2T" "" _sip._tcp.elsewhere.net.',
        '10 10 "S" "SIPS+D2T" "" _sips._tcp.carrier.net.',
        '5 10 "s" "SIPS+D2W" "" _sips._ws.carrier.net.',
        '1 10 "u" "E2U+sip" "!^.*$!sip:x@y!" .',
    )
    world.server.add("_sip._tcp.elsewhere.net", "SRV", "10 0 6000 b.carrier.net.")
    shown = await world.shown("sip:1@carrier.net")
    assert [one.split(":")[0] for one in shown[:3]] == ["TLS 198.51.100.1", "TLS 198.51.100.2", "TCP 198.51.100.2"]
    assert shown[2:] == ["TCP 198.51.100.2:6000", "UDP 198.51.100.1:5060", "UDP 198.51.100.2:5060"]
    # What a certificate must say is the domain that was called, wherever its records lead.
    assert {one.name for one in await world.targets("sip:1@carrier.net")} == {"carrier.net"}


async def test_naptr_and_services_are_asked_for_at_the_same_time(world: World) -> None:
    """A silent server costs one wait and not four."""
    await world.start(IMPATIENT)
    world.server.faults["*"] = "silent"
    assert await world.shown("sip:1@carrier.net") == []
    services = {(f"{one}.carrier.net", "SRV") for one in ("_sip._udp", "_sip._tcp", "_sips._tcp")}
    assert set(world.server.order[:4]) == {*services, ("carrier.net", "NAPTR")}


async def test_sips_leads_to_secure_transports_only(world: World) -> None:
    carrier(world)
    world.server.add(
        "carrier.net",
        "NAPTR",
        '10 10 "s" "SIP+D2U" "" _sip._udp.carrier.net.',
        '20 10 "s" "SIPS+D2T" "" _sips._tcp.carrier.net.',
    )
    wanted = ["TLS 198.51.100.1:5061", "TLS 198.51.100.2:5061"]
    assert await world.shown("sips:1@carrier.net") == wanted
    assert await world.shown("sips:1@carrier.net;transport=tcp") == wanted
    world.server.add("plain.net", "A", "198.51.100.9")
    assert await world.shown("sips:1@plain.net") == ["TLS 198.51.100.9:5061"]
    assert await world.shown("sips:1@plain.net:5062") == ["TLS 198.51.100.9:5062"]
    assert await world.shown("sips:1@198.51.100.9") == ["TLS 198.51.100.9:5061"]


async def test_a_transport_that_is_named_is_the_only_one(world: World) -> None:
    carrier(world)
    assert await world.shown("sip:1@carrier.net;transport=tcp") == ["TCP 198.51.100.1:5070", "TCP 198.51.100.2:5070"]
    assert ("carrier.net", "NAPTR") not in world.server.asked
    world.server.add("plain.net", "A", "198.51.100.9")
    assert await world.shown("sip:1@plain.net;transport=tls") == ["TLS 198.51.100.9:5061"]


async def test_a_port_that_is_named_leaves_no_services_to_look_for(world: World) -> None:
    carrier(world)
    world.server.add("carrier.net", "A", "198.51.100.9")
    assert await world.shown("sip:1@carrier.net:5080") == ["UDP 198.51.100.9:5080"]
    assert await world.shown("sip:1@carrier.net:5080;transport=tcp") == ["TCP 198.51.100.9:5080"]
    assert {kind for _, kind in world.server.asked} == {"A", "AAAA"}


async def test_addresses_are_taken_as_they_stand(world: World) -> None:
    assert await world.shown("sip:1@[2001:DB8::0:1]") == ["UDP [2001:db8::1]:5060"]
    assert await world.shown("sip:1@[2001:db8::1]:5070;transport=tcp") == ["TCP [2001:db8::1]:5070"]
    assert await world.shown("sip:1@carrier.net;maddr=198.51.100.7") == ["UDP 198.51.100.7:5060"]
    assert await world.shown("sip:1@carrier.net;maddr=[2001:db8::7]") == ["UDP [2001:db8::7]:5060"]
    (secure,) = await world.targets("sips:1@carrier.net;maddr=198.51.100.7")
    assert secure.name == "carrier.net"
    assert not world.server.asked
    assert world.answered == 0, "they are known at once"


async def test_maddr_by_name_is_looked_up_in_place_of_the_host(world: World) -> None:
    carrier(world)
    world.server.add("relay.net", "A", "198.51.100.30")
    assert await world.shown("sip:1@carrier.net;maddr=relay.net") == ["UDP 198.51.100.30:5060"]
    assert not any("carrier" in name for name, _ in world.server.asked)


async def test_a_name_without_services_is_a_host(world: World) -> None:
    world.server.add("plain.net", "A", "198.51.100.9", "198.51.100.10")
    world.server.add("plain.net", "AAAA", "2001:db8::9")
    shown = await world.shown("sip:1@plain.net")
    assert shown[0] == "UDP [2001:db8::9]:5060"
    assert sorted(shown[1:]) == ["UDP 198.51.100.10:5060", "UDP 198.51.100.9:5060"]


async def test_a_service_that_says_it_is_not_there_is_not_looked_for_elsewhere(world: World) -> None:
    world.server.add("_sip._udp.closed.net", "SRV", "0 0 0 .")
    world.server.add("closed.net", "A", "198.51.100.9")
    assert await world.shown("sip:1@closed.net") == []


async def test_what_we_cannot_send_to_is_left_out(world: World) -> None:
    carrier(world)
    world.server.add("a.carrier.net", "AAAA", "2001:db8::1")
    world.transports, world.has_ipv6 = {TCP}, False
    assert await world.shown("sip:1@carrier.net") == ["TCP 198.51.100.1:5070", "TCP 198.51.100.2:5070"]
    assert {kind for _, kind in world.server.asked} == {"NAPTR", "SRV", "A"}
    assert ("_sip._udp.carrier.net", "SRV") not in world.server.asked
    # What cannot be reached at all is named all the same: whoever sends says why it cannot.
    assert await world.shown("sip:1@[2001:db8::1]") == ["UDP [2001:db8::1]:5060"]


async def test_families_take_turns(world: World) -> None:
    world.server.add("plain.net", "A", "198.51.100.9", "198.51.100.10")
    world.server.add("plain.net", "AAAA", "2001:db8::9", "2001:db8::a")
    shown = await world.shown("sip:1@plain.net")
    assert ["[" in one for one in shown] == [True, False, True, False]


async def test_addresses_of_one_name_share_the_load(world: World) -> None:
    world.server.add("plain.net", "A", *(f"198.51.100.{number}" for number in range(1, 5)))
    first = Counter([(await world.targets("sip:1@plain.net"))[0].remote.host for _ in range(200)])
    assert len(first) == 4


# --- priority and weight (RFC 2782)


def order(records: list[Srv], *numbers: int) -> list[str]:
    drawn = iter(numbers)
    sums: list[int] = []

    def chance(most: int) -> int:
        sums.append(most)
        return next(drawn)

    return [one.host for one in arranged(records, chance)]


def test_lower_priorities_come_first_whatever_the_weights() -> None:
    records = [Srv(20, 100, 5060, "c"), Srv(10, 0, 5060, "a"), Srv(15, 65535, 5060, "b")]
    assert order(records, 0, 0, 0) == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("number", "first"), [(0, "zero"), (1, "one"), (2, "three"), (4, "three"), (5, "six"), (10, "six")]
)
def test_the_number_picks_the_first_whose_running_sum_reaches_it(number: int, first: str) -> None:
    """Weights 0, 1, 3 and 6: those with 0 stand at the beginning, the sums are 0, 1, 4 and 10."""
    records = [Srv(1, 1, 1, "one"), Srv(1, 0, 1, "zero"), Srv(1, 3, 1, "three"), Srv(1, 6, 1, "six")]
    assert order(records, number, 0, 0, 0)[0] == first


def test_each_choice_is_made_among_those_that_are_left() -> None:
    records = [Srv(1, 10, 1, "a"), Srv(1, 20, 1, "b"), Srv(1, 30, 1, "c")]
    asked: list[int] = []

    def chance(most: int) -> int:
        asked.append(most)
        return most

    assert [one.host for one in arranged(records, chance)] == ["c", "b", "a"]
    assert asked == [60, 30, 10]


async def test_a_thousand_records_give_each_transport_its_share(world: World) -> None:
    many = [f"10 {number % 7} {5000 + number} h{number % 20}.big.net." for number in range(1_000)]
    world.server.add("_sip._udp.big.net", "SRV", *many)
    world.server.add("_sip._tcp.big.net", "SRV", "10 0 5060 h1.big.net.")
    for number in range(20):
        world.server.add(f"h{number}.big.net", "A", f"198.51.100.{number}")
    targets = await world.targets("sip:1@big.net")
    assert len(targets) <= limits.DNS_TARGETS
    assert targets[-1] == Target(TCP, Address("198.51.100.1", 5060), "big.net")
    assert len({one.remote.host for one in targets if one.transport is UDP}) > 1
    assert world.server.asked_again["_sip._udp.big.net", "SRV"] == 1, "too large for a datagram: asked over TCP"


# --- what servers do


async def test_what_is_cut_off_is_asked_for_over_tcp(world: World) -> None:
    carrier(world)
    world.server.faults["a.carrier.net"] = "truncated"
    assert (await world.shown("sip:1@carrier.net"))[0] == "UDP 198.51.100.1:5060"
    assert world.server.asked_again["a.carrier.net", "A"] == 1


async def test_aliases_are_followed(world: World) -> None:
    world.server.add("one.net", "CNAME", "two.net.", ttl=7)
    world.server.add("two.net", "CNAME", "three.net.")
    world.server.add("three.net", "A", "198.51.100.3")
    assert await world.shown("sip:1@one.net:5060") == ["UDP 198.51.100.3:5060"]
    world.now += 8
    assert await world.shown("sip:1@one.net:5060") == ["UDP 198.51.100.3:5060"]
    assert world.server.asked["one.net", "A"] == 2, "the shortest TTL of the chain counts"


async def test_aliases_that_lead_in_a_circle_lead_nowhere(world: World) -> None:
    world.server.faults["*"] = ""
    for number in range(20):
        world.server.add(f"c{number}.net", "CNAME", f"c{number + 1}.net.")
    assert await world.shown("sip:1@c0.net:5060") == []


async def test_a_server_that_fails_is_not_asked_again_by_each_call(world: World) -> None:
    world.server.faults["*"] = "SERVFAIL"
    assert await world.shown("sip:1@carrier.net") == []
    asked = world.server.asked.total()
    assert await world.shown("sip:1@carrier.net") == []
    assert world.server.asked.total() == asked
    assert [known for _, known in world.told] == [False], "told once a minute"
    world.server.faults.clear()
    carrier(world)
    world.now += 11
    assert (await world.shown("sip:1@carrier.net"))[0] == "UDP 198.51.100.1:5060"


async def test_that_nobody_answers_is_told_apart_from_that_there_is_nothing(world: World) -> None:
    assert await world.located("sip:1@nowhere.net") == Located([], is_answered=True)
    world.server.faults["*"] = "silent"
    for _ in range(2):  # asked for, and remembered
        assert await world.located("sip:1@elsewhere.net") == Located([], is_answered=False)
    assert await world.located("sip:1@nowhere.net") == Located([], is_answered=True)


async def test_a_silent_server_leaves_what_was_known(world: World) -> None:
    carrier(world)
    await world.start(IMPATIENT._replace(whole_s=2.0))
    known = await world.shown("sip:1@carrier.net")
    world.server.faults["*"] = "silent"
    world.now += 3_601
    assert await world.shown("sip:1@carrier.net") == known
    assert world.told == [], "it is used before the server is given up"
    await asyncio.gather(*world.records._under_way.values())
    assert world.told[0][1] is True
    asked = world.server.asked.total()
    assert await world.shown("sip:1@carrier.net") == known
    assert world.server.asked.total() == asked, "for a while nobody asks the silent one"
    world.now += 86_401
    assert await world.shown("sip:1@carrier.net") == [], "after a day what was known is no more"


async def test_while_nobody_answers_a_call_waits_for_one_try_a_question(world: World) -> None:
    carrier(world)
    await world.start(IMPATIENT)
    world.server.faults["*"] = "silent"
    assert await world.shown("sip:1@carrier.net") == []
    assert world.server.asked["_sip._udp.carrier.net", "SRV"] > 1
    assert world.server.asked["carrier.net", "A"] == 1
    world.server.faults.clear()
    assert await world.shown("sip:1@a.carrier.net:5060") == ["UDP 198.51.100.1:5060"]
    world.now += 11
    assert len(await world.shown("sip:1@carrier.net")) == 6


async def test_one_of_two_servers_that_is_silent_is_gone_around(world: World) -> None:
    carrier(world)
    await world.start(WAITS._replace(try_s=0.2))
    # 127.0.0.9 answers nothing at that port.
    world.server.conf.write_text("nameserver 127.0.0.9\nnameserver 127.0.0.1\n")
    assert (await world.shown("sip:1@carrier.net"))[0] == "UDP 198.51.100.1:5060"


async def test_without_any_server_named_the_hosts_file_still_works(world: World) -> None:
    world.server.conf.unlink()
    assert await world.shown("sip:1@pbx.example.net") == ["UDP 203.0.113.50:5060"]
    assert await world.shown("sip:1@carrier.net") == []


# --- what is remembered


async def test_answers_count_for_as_long_as_they_say(world: World) -> None:
    world.server.add("plain.net", "A", "198.51.100.9", ttl=30)
    for _ in range(3):
        assert await world.shown("sip:1@plain.net:5060") == ["UDP 198.51.100.9:5060"]
        world.now += 9
    assert world.server.asked["plain.net", "A"] == 1
    assert world.answered == 1, "what is known is said at once"
    world.server.add("plain.net", "A", "198.51.100.10", ttl=30)
    world.now += 4
    assert await world.shown("sip:1@plain.net:5060") == ["UDP 198.51.100.10:5060"]


@pytest.mark.parametrize(("ttl", "still", "again"), [(0, 4.0, 6.0), (2_000_000, 3_599.0, 3_601.0)])
async def test_ttls_are_bounded(world: World, ttl: int, still: float, again: float) -> None:
    world.server.add("plain.net", "A", "198.51.100.9", ttl=ttl)
    began = world.now
    for seconds, asked in ((0.0, 1), (still, 1), (again, 2)):
        world.now = began + seconds
        await world.shown("sip:1@plain.net:5060")
        assert world.server.asked["plain.net", "A"] == asked


async def test_that_there_is_nothing_is_remembered_for_a_minute_at_most(world: World) -> None:
    assert await world.shown("sip:1@none.net:5060") == []
    world.server.add("none.net", "A", "198.51.100.9")
    world.now += 59
    assert await world.shown("sip:1@none.net:5060") == []
    world.now += 2
    assert await world.shown("sip:1@none.net:5060") == ["UDP 198.51.100.9:5060"]


async def test_who_asks_for_one_name_shares_one_lookup(world: World) -> None:
    carrier(world)
    found = await asyncio.gather(*(world.shown("sip:1@carrier.net") for _ in range(50)))
    assert all(len(one) == 6 for one in found)
    assert set(world.server.asked.values()) == {1}


async def test_names_that_come_and_go_make_room(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "DNS_RECORDS", 60)
    world.server.add("plain.net", "A", "198.51.100.9")
    for number in range(100):
        await world.shown(f"sip:1@n{number}.net:5060")
        await world.shown("sip:1@plain.net:5060")
    assert world.server.asked["plain.net", "A"] == 1
    assert world.records._held <= 60
    assert world.records._held == sum(1 + len(one.records) for one in world.records._known.values())


async def test_more_questions_than_we_have_room_for_find_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "DNS_QUESTIONS", 2)
    world.server.add("plain.net", "A", "198.51.100.9")
    found = await asyncio.gather(*(world.shown(f"sip:1@{name}.net:5060") for name in ("plain", "b", "c", "d")))
    assert found == [["UDP 198.51.100.9:5060"], [], [], []]
    assert world.records.counters["too_many"] == 6


# --- names


async def test_names_of_the_hosts_file_come_before_dns(world: World) -> None:
    world.server.add("pbx.example.net", "A", "198.51.100.9")
    assert await world.shown("sip:1@pbx.example.net") == ["UDP 203.0.113.50:5060"]
    assert await world.shown("sip:1@PBX") == ["UDP 203.0.113.50:5060"]
    assert await world.shown("sip:1@localhost;transport=tcp") == ["TCP [::1]:5060", "TCP 127.0.0.1:5060"]
    assert not world.server.asked
    world.hosts.write_text("203.0.113.51 pbx.example.net\n")
    world.now += 2
    assert await world.shown("sip:1@pbx.example.net") == ["UDP 203.0.113.51:5060"]


async def test_a_short_name_is_completed_as_the_host_is_told(world: World) -> None:
    world.server.add("gw.example.net", "A", "198.51.100.4")
    assert await world.shown("sip:1@gw") == ["UDP 198.51.100.4:5060"]


async def test_servers_that_are_named_later_are_asked(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("talkpath.net.records._CONF_LOOK_EVERY_S", 0.0)
    carrier(world)
    await world.start(IMPATIENT)
    right = world.server.conf.read_text()
    world.server.conf.write_text("nameserver 127.0.0.9\n")
    assert await world.shown("sip:1@carrier.net") == []
    world.server.conf.write_text(right)
    world.now += 11
    assert len(await world.shown("sip:1@carrier.net")) == 6


@pytest.mark.parametrize(
    "host", ["a..b.net", "x" * 64 + ".net", ".".join(["abcdefgh"] * 40), "-.net", "_._", "1.2.3.4.5", "a.b.c:d"]
)
async def test_what_is_no_name_leads_nowhere(world: World, host: str) -> None:
    assert await world.shown(f"sip:1@carrier.net;maddr={host}") == []
    assert world.told == []


async def test_a_fault_of_one_call_does_not_keep_others_from_their_answer(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    carrier(world)

    def breaks(located: Located, now: float) -> None:
        raise RuntimeError("a fault of ours")

    world.resolver.resolve(Uri.parse("sip:1@carrier.net"), breaks)
    assert len(await world.shown("sip:1@carrier.net")) == 6
    assert "a fault of ours" in caplog.text
