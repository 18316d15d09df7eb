"""Over real interfaces: streams pass in the kernel, behind NATs and bridges too, and climb when roads change."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from tests.native.rtp_peers import PCMA, Peers, peers, rtp, until

from harness.baresip import Baresip
from harness.edge import Edge
from harness.network import Nat, Site, inside, run, site
from harness.talk import assert_both_hear, begin, end, listen
from talkpath._native import Port, Relay

pytestmark = pytest.mark.live

LOW, HIGH = 20000, 20999
# By then both ways go over sockets of their own, and pass.
FIRST = 4


@pytest.fixture(name="relay")
def a_relay() -> Iterator[Relay]:
    relay = Relay(kernel=True, steady=1)
    assert relay.kernel is None
    yield relay
    relay.shutdown()


@pytest.fixture(name="phones")
def some_phones() -> Iterator[Peers]:
    with peers() as made:
        yield made


class Line:
    """A phone in a namespace, and the port that we have for it."""

    def __init__(
        self, relay: Relay, phones: Peers, host: str, namespace: str, address: str, latch: str | None = None
    ) -> None:
        with inside(namespace):
            self.phone = phones(address)
        self.port: Port = relay.open(host, LOW, HIGH)
        self.said = 0
        relay.expect(self.port, rtp=self.phone.address, latch=latch, formats=PCMA)

    def say(self) -> bytes:
        self.said += 1
        data = rtp(self.said)
        self.phone.send(self.port, data)
        return data


def talk(lines: tuple[Line, Line], packets: int) -> None:
    for _ in range(packets):
        for speaker, hearer in (lines, lines[::-1]):
            said = speaker.say()
            # One that a NAT had to be seen with may come before it.
            while hearer.phone.receive()[0] != said:
                pass


def connect(relay: Relay, lines: tuple[Line, Line]) -> None:
    relay.route(lines[0].port, lines[1].port)
    relay.route(lines[1].port, lines[0].port)
    # What comes before a NAT has been seen twice is not passed on.
    for line in lines:
        for _ in range(2):
            line.say()
    until(lambda: all(relay.totals(line.port).heard_packets for line in lines))


def at(relay: Relay, phones: Peers, place: Site, nat: Nat) -> Line:
    return Line(relay, phones, place.edge, place.namespace, place.address, None if nat is Nat.NONE else place.public)


@pytest.mark.parametrize("nat", [Nat.CONE, Nat.SYMMETRIC])
def test_phones_behind_nats_are_heard(relay: Relay, phones: Peers, nat: Nat) -> None:
    with site(nat) as one, site(nat) as two:
        lines = (at(relay, phones, one, nat), at(relay, phones, two, nat))
        connect(relay, lines)
        talk(lines, FIRST)
        assert relay.passing == 2
        given = datagrams_in()
        talk(lines, 50)
        assert datagrams_in() == given
        assert [relay.totals(line.port).lost for line in lines] == [0, 0]


def test_a_road_that_changes_is_taken_from_the_next_packet_on(relay: Relay, phones: Peers) -> None:
    with site(Nat.SYMMETRIC) as one, site(Nat.SYMMETRIC) as two:
        lines = (at(relay, phones, one, Nat.SYMMETRIC), at(relay, phones, two, Nat.SYMMETRIC))
        connect(relay, lines)
        talk(lines, FIRST)
        run("ip route add 198.51.100.0/24 via 10.77.0.2")
        until(lambda: relay.passing == 0)
        talk(lines, FIRST)
        assert relay.passing == 2
        run("ip route del 198.51.100.0/24 via 10.77.0.2")


@contextmanager
def customer(number: int, kind: str) -> Iterator[tuple[str, str, str]]:
    """A namespace behind a cable, or a bridge of ours: its name, its address, and ours that faces it."""
    name, ours, theirs = f"kern{number}", f"10.201.{number}.1", f"10.201.{number}.2"
    near, far = f"kn{number}", f"kf{number}"
    run(f"ip netns add {name}")
    try:
        run(f"ip link add {near} type veth peer name {far} netns {name}")
        run(f"ip link set {near} up")
        run(f"ip link set {far} up", name)
        here = near
        if kind == "bridge":
            here = f"kb{number}"
            run(f"ip link add {here} type bridge")
            run(f"ip link set {near} master {here}")
        for link, namespace, address in ((here, None, ours), (far, name, theirs)):
            run(f"ip addr add {address}/24 dev {link}", namespace)
            run(f"ip link set {link} up", namespace)
        yield name, theirs, ours
    finally:
        run(f"ip netns del {name}")
        if kind == "bridge":
            run(f"ip link del kb{number}")


@pytest.mark.parametrize("kind", ["cable", "bridge"])
def test_cables_and_bridges_are_roads(relay: Relay, phones: Peers, kind: str) -> None:
    with ExitStack() as open_places:
        places = [open_places.enter_context(customer(number, kind)) for number in (1, 2)]
        one, two = (Line(relay, phones, ours, name, theirs) for name, theirs, ours in places)
        connect(relay, (one, two))
        talk((one, two), FIRST)
        assert relay.passing == 2
        given = datagrams_in()
        talk((one, two), 50)
        assert datagrams_in() == given


# A process with a call that passes; it prints its ports.
VICTIM = """
import sys
from tests.native.rtp_peers import PCMA
from talkpath._native import Relay
relay = Relay(kernel=True, steady=1)
ports = []
for at in (1, 4):
    port = relay.open(sys.argv[at], 20000, 20999)
    relay.expect(port, rtp=(sys.argv[at + 1], int(sys.argv[at + 2])), formats=PCMA)
    ports.append(port)
relay.route(*ports)
relay.route(*reversed(ports))
print(*(port.rtp for port in ports), flush=True)
while sys.stdin.readline():
    print(relay.passing, flush=True)
"""


def open_victim(words: list[str]) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", VICTIM, *words]
    place = {"cwd": Path(__file__).parents[2], "env": {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}}
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, **place)


def test_nothing_passes_any_more_when_the_process_is_killed(phones: Peers) -> None:
    """And the ports are free for who comes next."""
    with ExitStack() as open_places:
        places = [open_places.enter_context(customer(number, "cable")) for number in (3, 4)]
        words = []
        for name, theirs, ours in places:
            with inside(name):
                words += [ours, theirs, str(phones(theirs).address[1])]
        one, two = phones.made
        with open_victim(words) as victim:
            assert victim.stdin is not None
            assert victim.stdout is not None
            ports = [int(port) for port in victim.stdout.readline().split()]
            doors = list(zip([place[2] for place in places], ports, strict=True))
            for sequence in range(6):
                for speaker, door, hearer in ((one, doors[0], two), (two, doors[1], one)):
                    speaker.socket.sendto(rtp(sequence), door)
                    hearer.receive()
            print(file=victim.stdin, flush=True)
            assert victim.stdout.readline() == "2\n"
            victim.send_signal(signal.SIGKILL)
        one.socket.sendto(rtp(9), doors[0])
        relay = Relay()
        again = relay.open(*doors[0], ports[0] + 1)
        relay.expect(again, rtp=one.address, formats=PCMA)
        one.socket.sendto(rtp(10), doors[0])
        until(lambda: relay.totals(again).heard_packets == 1)
        relay.shutdown()
        assert two.has_nothing()


def datagrams_in() -> int:
    """What the sockets of this namespace were given."""
    with open("/proc/thread-self/net/snmp", encoding="ascii") as counters:
        names, values = (line.split() for line in counters if line.startswith("Udp:"))
    return int(values[names.index("InDatagrams")])


def test_a_call_of_real_phones_passes_and_is_told_as_any_other(tmp_path) -> None:
    with site(Nat.SYMMETRIC) as one, site(Nat.NONE) as two, Edge(tmp_path, users=2, host=one.edge) as edge:
        phones = []
        try:
            for number, place in enumerate((one, two), 1):
                home = tmp_path / f"phone{number}"
                home.mkdir()
                phone = Baresip(edge.identity("udp", one.edge), home, seed=number, namespace=place.namespace)
                phones.append(phone)
                phone.registered()
            begin(*phones)
            listen(*phones)
            status = json.loads(edge.command("status", "--json"))["status"]
            end(*phones)
        finally:
            for phone in phones:
                phone.stop()
        assert_both_hear(*phones)
        assert status["media_in_kernel"] == 2
        assert not edge.complaints()
