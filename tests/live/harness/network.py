"""Networks of our own: the test process moves into a private namespace, and phones can sit behind routers and NATs.

Inside the private namespace every port is free and no other program of the machine hears or disturbs the tests.
"""

import ctypes
import itertools
import os
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

# baresip refuses to speak from a loopback interface alone, so the private namespace also has this address.
HOME = "10.77.0.1"
HOME6 = "fd77::1"

_CLONE_NEWNET = 0x40000000
_names = itertools.count()
# Below the ports an edge has for media.
_ports = itertools.count(6000, 4)
# Browsers connect to none of these: X11, and what is left of IRC (WHATWG fetch, "bad port").
_BARRED_PORTS = frozenset({6000, 6566, *range(6665, 6670), 6679, 6697})


def enter_private_network() -> None:
    """Move this thread, and all it starts from now on, into a new namespace with loopback, HOME and HOME6."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(_CLONE_NEWNET):
        number = ctypes.get_errno()
        raise OSError(number, f"{os.strerror(number)}: the live tests need root to make network namespaces")
    run("ip link set lo up")
    run("ip link add home type veth peer name homepeer")
    run(f"ip addr add {HOME}/24 dev home")
    run(f"ip addr add {HOME6}/64 dev home nodad")
    run("ip link set home up")
    run("ip link set homepeer up")
    # linphone believes in a network only where there is a default route.
    run("ip route add default via 10.77.0.2")
    run("ip -6 route add default via fd77::2 dev home")
    _forward()


def run(command: str, namespace: str | None = None) -> str:
    """Run one command to its end and give its output; a failure raises with what it printed."""
    argv = command.split()
    if namespace:
        argv = ["ip", "netns", "exec", namespace, *argv]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=30, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(argv)}: {done.stderr or done.stdout}")
    return done.stdout


def free_port() -> int:
    """The first of four neighbouring ports (baresip takes the next one for TLS) that nobody used in this process and
    that a page may connect to."""
    for port in _ports:
        if _BARRED_PORTS & {*range(port, port + 4)}:
            continue
        try:
            for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM):
                with socket.socket(socket.AF_INET, kind) as probe:
                    probe.bind(("0.0.0.0", port))
        except OSError:
            continue
        return port
    raise AssertionError("unreachable: the counter has no end")


@contextmanager
def inside(namespace: str | None) -> Iterator[None]:
    """Sockets made by this thread within the block belong to `namespace` (None: where we are)."""
    if namespace is None:
        yield
        return
    libc = ctypes.CDLL(None, use_errno=True)
    with open("/proc/thread-self/ns/net", "rb") as home, open(f"/run/netns/{namespace}", "rb") as away:
        libc.setns(away.fileno(), _CLONE_NEWNET)
        try:
            yield
        finally:
            libc.setns(home.fileno(), _CLONE_NEWNET)


class Nat(StrEnum):
    """How a router translates UDP (RFC 4787 section 4.1)."""

    NONE = "none"
    CONE = "cone"
    SYMMETRIC = "symmetric"


@dataclass(frozen=True, slots=True)
class Site:
    """A namespace behind a router: phones run in `namespace` with `address`; the edge is at `edge`."""

    namespace: str
    router: str
    address: str
    public: str
    edge: str

    def move(self, address: str) -> None:
        """Give the phones another address instead of the one that they had, as another network would."""
        for command in (
            f"addr del {self.address}/24 dev eth0",
            f"addr add {address}/24 dev eth0",
            "route replace default via 192.168.7.1",
        ):
            run(f"ip -n {self.namespace} {command}")


@contextmanager
def site(nat: Nat = Nat.SYMMETRIC, *, loss_percent: int = 0, mtu: int = 1500, forgets_s: int = 0) -> Iterator[Site]:
    """A customer's network: phone -- router (NAT, loss, MTU) -- edge. All of it is gone afterwards.

    `forgets_s`: how long the NAT remembers a datagram flow that is silent, 0 for what the kernel does by itself.
    """
    number = next(_names) % 200
    stem = f"tp{os.getpid() % 100000}x{number}"
    inside, router = f"{stem}i", f"{stem}r"
    place = Site(inside, router, "192.168.7.2", f"10.{100 + number % 100}.0.2", f"10.{100 + number % 100}.0.1")
    try:
        _cable(place, stem)
        _translate(place, nat, loss_percent)
        if forgets_s:
            _forget_after(place, forgets_s)
        for device, namespace in ((f"{stem}a", None), ("wan", router), ("lan", router), ("eth0", inside)):
            run(f"ip link set {device} mtu {mtu}", namespace)
        yield place
    finally:
        for namespace in (inside, router):
            subprocess.run(["ip", "netns", "del", namespace], capture_output=True, check=False)
        subprocess.run(["ip", "link", "del", f"{stem}a"], capture_output=True, check=False)


def _forward() -> None:
    """Let this thread's network pass on what is not for itself."""
    Path("/proc/sys/net/ipv4/ip_forward").write_text("1")


def _cable(place: Site, stem: str) -> None:
    run(f"ip netns add {place.namespace}")
    run(f"ip netns add {place.router}")
    with inside(place.router):
        _forward()
    run(f"ip link add {stem}a type veth peer name wan netns {place.router}")
    run(f"ip addr add {place.edge}/24 dev {stem}a")
    run(f"ip link set {stem}a up")
    run(f"ip -n {place.router} link add lan type veth peer name eth0 netns {place.namespace}")
    for command in ("link set lo up", f"addr add {place.public}/24 dev wan", "link set wan up"):
        run(f"ip -n {place.router} {command}")
    for command in ("addr add 192.168.7.1/24 dev lan", "link set lan up", f"route add default via {place.edge}"):
        run(f"ip -n {place.router} {command}")
    for command in ("link set lo up", f"addr add {place.address}/24 dev eth0", "link set eth0 up"):
        run(f"ip -n {place.namespace} {command}")
    run(f"ip -n {place.namespace} route add default via 192.168.7.1")


def _forget_after(place: Site, seconds: int) -> None:
    with inside(place.router):
        for name in ("nf_conntrack_udp_timeout", "nf_conntrack_udp_timeout_stream"):
            Path(f"/proc/sys/net/netfilter/{name}").write_text(str(seconds))


def _translate(place: Site, nat: Nat, loss_percent: int) -> None:
    """netfilter keeps a port where it can (what a cone NAT looks like to one peer), or draws one per flow."""
    run("nft add table ip edge", place.router)
    if nat is not Nat.NONE:
        how = " fully-random" if nat is Nat.SYMMETRIC else ""
        run("nft add chain ip edge out { type nat hook postrouting priority 100 ; }", place.router)
        run(f"nft add rule ip edge out oifname wan masquerade{how}", place.router)
    else:
        run(f"ip route add 192.168.7.0/24 via {place.public}")
    if loss_percent:
        run("nft add chain ip edge lossy { type filter hook forward priority 0 ; }", place.router)
        drop = f"numgen random mod 100 < {loss_percent} drop"
        run(f"nft add rule ip edge lossy meta l4proto udp {drop}", place.router)


class Hairpin(StrEnum):
    """What becomes of the source when a router turns packets of its own network to its public address round; a router
    that hides everybody does the same to those who come from outside."""

    KEEPS = "keeps"
    REPLACES = "replaces"
    HIDES = "hides everybody"


@dataclass(frozen=True, slots=True)
class Office:
    """An edge behind a 1:1 NAT: it is `edge` in the LAN and `public` outside; phones run in `near` and `far`."""

    near: str
    far: str
    router: str
    edge: str = "192.168.50.5"
    public: str = "203.0.113.5"

    def turned_round(self) -> int:
        """Packets that the LAN has sent to the public address so far."""
        listed = run("nft list chain ip office turned", self.router)
        return int(listed.partition("packets ")[2].split()[0])


@contextmanager
def office(hairpin: Hairpin) -> Iterator[Office]:
    """near -- LAN with the edge -- router with a 1:1 NAT -- far. All of it is gone afterwards."""
    stem = f"tp{os.getpid() % 100000}o{next(_names) % 200}"
    place = Office(f"{stem}n", f"{stem}f", f"{stem}r")
    default = run("ip route show default").strip()
    try:
        _wire_office(place, stem)
        _translate_office(place, hairpin)
        run("ip route replace default via 192.168.50.1")
        yield place
    finally:
        for namespace in (place.near, place.far, place.router):
            subprocess.run(["ip", "netns", "del", namespace], capture_output=True, check=False)
        subprocess.run(["ip", "link", "del", f"{stem}e"], capture_output=True, check=False)
        run(f"ip route replace {default}")


def _wire_office(place: Office, stem: str) -> None:
    for namespace in (place.near, place.far, place.router):
        run(f"ip netns add {namespace}")
        run(f"ip -n {namespace} link set lo up")
    with inside(place.router):
        _forward()
        Path("/proc/sys/net/ipv4/conf/all/send_redirects").write_text("0")
        Path("/proc/sys/net/ipv4/conf/default/send_redirects").write_text("0")
    run(f"ip -n {place.router} link add lan type bridge")
    run(f"ip link add {stem}e type veth peer name toedge netns {place.router}")
    run(f"ip -n {place.router} link add tonear type veth peer name eth0 netns {place.near}")
    run(f"ip -n {place.router} link add wan type veth peer name eth0 netns {place.far}")
    for port in ("toedge", "tonear"):
        run(f"ip -n {place.router} link set {port} master lan")
    for device, addresses in (("lan", ["192.168.50.1/24"]), ("wan", ["203.0.113.1/24", f"{place.public}/32"])):
        for address in addresses:
            run(f"ip -n {place.router} addr add {address} dev {device}")
    for device in ("toedge", "tonear", "lan", "wan"):
        run(f"ip -n {place.router} link set {device} up")
    run(f"ip addr add {place.edge}/24 dev {stem}e")
    run(f"ip link set {stem}e up")
    for namespace, address, router in (
        (place.near, "192.168.50.20/24", "192.168.50.1"),
        (place.far, "203.0.113.9/24", "203.0.113.1"),
    ):
        run(f"ip -n {namespace} addr add {address} dev eth0")
        run(f"ip -n {namespace} link set eth0 up")
        run(f"ip -n {namespace} route add default via {router}")


def _translate_office(place: Office, hairpin: Hairpin) -> None:
    for command in (
        "add table ip office",
        "add chain ip office turned { type filter hook prerouting priority -150 ; }",
        f"add rule ip office turned iifname lan ip daddr {place.public} counter",
        "add chain ip office pre { type nat hook prerouting priority -100 ; }",
        f"add rule ip office pre ip daddr {place.public} dnat to {place.edge}",
        "add chain ip office post { type nat hook postrouting priority 100 ; }",
        f"add rule ip office post oifname wan ip saddr {place.edge} snat to {place.public}",
        "add rule ip office post oifname wan ip saddr 192.168.50.0/24 masquerade",
    ):
        run(f"nft {command}", place.router)
    if hairpin is not Hairpin.KEEPS:
        whose = "ip saddr 192.168.50.0/24 " if hairpin is Hairpin.REPLACES else ""
        rule = f"oifname lan {whose}ip daddr {place.edge} ct status dnat masquerade"
        run(f"nft add rule ip office post {rule}", place.router)
