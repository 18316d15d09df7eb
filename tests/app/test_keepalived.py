"""keepalived's configuration, and the script with which it looks whether the node lives."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from ipaddress import ip_interface
from pathlib import Path

import msgspec
import pytest

from talkpath.app.cluster.alive import FILE, Alive
from talkpath.app.cluster.keepalived import Group, Place, configuration, groups, own_address, place_of
from talkpath.app.cluster.keepalived_check import CHECK
from talkpath.app.config.cluster import Cluster, ClusterNode
from talkpath.app.config.tree import Config, State
from talkpath.app.console.phrase import Trouble

NODES = (
    ClusterNode(name="a", address="192.0.2.1", owns=("192.0.2.10", "2001:db8::10")),
    ClusterNode(name="b", address="192.0.2.2", owns=("198.51.100.20",)),
    ClusterNode(name="c", address="192.0.2.3"),
)
CLUSTER = Cluster(
    name="office",
    node="b",
    addresses=("192.0.2.10", "2001:db8::10", "198.51.100.20", "192.0.2.30"),
    nodes=NODES,
)
PLACE = Place("eth7", ip_interface("192.0.2.2/24"))


def text(cluster: Cluster = CLUSTER) -> str:
    config = Config(cluster=cluster, state=State(directory="/var/lib/talkpath"))
    return configuration(config, PLACE, Path("/etc/keepalived/talkpath-check"))


def tell(cluster: Cluster) -> None:
    own_address(cluster)
    text(cluster)


def test_each_address_goes_from_its_owner_round_the_nodes() -> None:
    assert list(groups(CLUSTER)) == [
        Group("a", ("192.0.2.10", "2001:db8::10"), ("a", "b", "c")),
        Group("b", ("198.51.100.20",), ("b", "c", "a")),
        Group("", ("192.0.2.30",), ("a", "b", "c")),
    ]


def test_priorities_are_the_order_of_heirs() -> None:
    def priorities(node: str) -> list[str]:
        lines = text(msgspec.structs.replace(CLUSTER, node=node)).splitlines()
        return [line.split()[1] for line in lines if line.strip().startswith("priority")]

    assert [priorities(name) for name in "abc"] == [
        ["250", "170", "250"],
        ["210", "250", "210"],
        ["170", "210", "170"],
    ]


def test_many_heirs_have_priorities_of_their_own() -> None:
    many = tuple(ClusterNode(name=f"n{at}", address=f"192.0.2.{at}") for at in range(1, 121))
    cluster = msgspec.structs.replace(CLUSTER, nodes=many, node="n120", addresses=("192.0.2.30",))
    (line,) = [line for line in text(cluster).splitlines() if "priority " in line and "vrrp" not in line]
    assert 1 <= int(line.split()[1]) < 250


def test_what_keepalived_is_told() -> None:
    said = text()
    assert "vrrp_version 3" in said
    assert "unicast_peer { 192.0.2.1 192.0.2.3 }" in said
    assert [line.split()[1] for line in said.splitlines() if "router_id" in line] == ["51", "52", "53"]
    # Owners get theirs back; what nobody owns stays.
    assert (said.count("preempt_delay 30"), said.count("nopreempt")) == (2, 1)
    # In the network of the interface, in another one, and of the other family.
    for line in ("192.0.2.10/24 dev eth7", "198.51.100.20/32 dev eth7", "2001:db8::10/128 dev eth7"):
        assert f"    {line}\n" in said
    assert 'script "/etc/keepalived/talkpath-check /var/lib/talkpath/alive 192.0.2.10 2001:db8::10"' in said


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"addresses": ()}, "nothing-moves"),
        ({"nodes": NODES[1:2]}, "nothing-moves"),
        ({"nodes": (*NODES[:2], ClusterNode(name="c", address="2001:db8::3"))}, "two-families"),
        ({"addresses": ("192.0.2.10", "2001:db8::10", "198.51.100.20", "2001:db8::30")}, "none-of-family"),
    ],
)
def test_what_keepalived_cannot_be_told(changes: dict[str, object], why: str) -> None:
    cluster = msgspec.structs.replace(CLUSTER, **changes)
    with pytest.raises(Trouble) as trouble:
        tell(cluster)
    assert trouble.value.code == why


def test_a_node_without_its_address_is_not_configured() -> None:
    assert place_of("127.0.0.1").own == ip_interface("127.0.0.1/8")
    with pytest.raises(Trouble):
        place_of("192.0.2.77")


# --- the script


NODE = """
import signal, sys, time
from pathlib import Path
from talkpath.app.cluster.alive import Alive
alive = Alive(Path(sys.argv[1]))
alive.beat(sys.argv[2:])
print("ready", flush=True)
time.sleep(60)
"""


class Host:
    """A directory with the script, and a process that beats there once."""

    def __init__(self, place: Path) -> None:
        self.place = place
        self.script = place / "talkpath-check"
        self.script.write_text(CHECK)
        self.node: subprocess.Popen[str] | None = None

    def begin(self, *unwanted: str) -> None:
        self.node = subprocess.Popen(
            [sys.executable, "-c", NODE, str(self.place), *unwanted],
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        )
        assert self.node.stdout is not None
        assert self.node.stdout.readline() == "ready\n"

    def look(self, *addresses: str) -> "subprocess.Popen[bytes]":
        return subprocess.Popen(["sh", str(self.script), str(self.place / FILE), *addresses])

    def end(self) -> None:
        if self.node is not None:
            self.node.kill()
            self.node.wait()
            assert self.node.stdout is not None
            self.node.stdout.close()


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Host]:
    made = Host(tmp_path)
    yield made
    made.end()


def test_a_node_that_beats_may_have_its_addresses(host: Host) -> None:
    host.begin("192.0.2.20")
    began = time.monotonic()
    assert host.look("192.0.2.10", "192.0.2.11").wait(10) == 0
    assert time.monotonic() - began > 2


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGSTOP])
def test_a_node_that_dies_or_stands_still_is_seen_while_it_is_watched(host: Host, end: signal.Signals) -> None:
    host.begin()
    watch = host.look("192.0.2.10")
    with pytest.raises(subprocess.TimeoutExpired):
        watch.wait(0.3)
    assert host.node is not None
    host.node.send_signal(end)
    assert watch.wait(10) == 1
    assert host.look("192.0.2.10").wait(10) == 1


def test_nobody_ever_ran_here(host: Host) -> None:
    assert host.look("192.0.2.10").wait(10) == 1


def test_an_address_that_this_host_should_not_have(host: Host) -> None:
    host.begin("192.0.2.10")
    assert host.look("192.0.2.10").wait(10) == 1
    assert host.look("192.0.2.11", "192.0.2.10").wait(10) == 1


def test_a_node_that_hangs(host: Host) -> None:
    host.begin()
    file = host.place / FILE
    pid, beat = file.read_text().split()
    file.write_text(f"{pid} {int(beat) - 60}\n")
    assert host.look("192.0.2.10").wait(10) == 1


def test_a_beat_without_addresses_leaves_nothing_of_one_with_some(tmp_path: Path) -> None:
    alive = Alive(tmp_path)
    alive.beat(["192.0.2.10"])
    alive.beat()
    assert len((tmp_path / FILE).read_text().split()) == 2
    alive.close()
