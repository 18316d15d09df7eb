"""Nodes that hand an address to each other by keepalived: each in a namespace of its own, on one bridge with us.

phones (here, HOME) -- bridge -- node a (10.88.0.1)
                                  \\- node b (10.88.0.2)        10.88.0.10 is at one of them
"""

import itertools
import json
import os
import re
import signal
import socket
import struct
import subprocess
import threading
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

from harness.edge import COMMAND, Edge, Identity, free_doors
from harness.nats import DEBIANS, Nats
from harness.network import HOME, run
from harness.process import Process, Stoppable, wait_until

#: The address that moves.
SHARED = "10.88.0.10"
_NETWORK, _BRIDGE, _ROUTER = "10.88.0", "nodes", "10.88.0.3"
_ETHERTYPE_IPV4 = 0x0800


class Keepalived(Stoppable):
    """One keepalived over the configuration that `talkpath keepalived` writes."""

    def __init__(self, edge: Edge, namespace: str, place: Path) -> None:
        self._namespace = namespace
        self._place = place
        argv = [str(COMMAND), "keepalived", "--config", str(edge.config), "--state", str(edge.place / "state")]
        run(" ".join([*argv, "--write", str(place)]), namespace)
        self.process = self.start()

    def start(self) -> Process:
        """Start (again)."""
        argv = ["keepalived", "-n", "-l", "-D", "-f", str(self._place / "keepalived.conf")]
        for option, name in (("-p", "parent.pid"), ("-r", "vrrp.pid")):
            (self._place / name).unlink(missing_ok=True)
            argv += [option, str(self._place / name)]
        self.process = Process(argv, self._place / "log", namespace=self._namespace, is_prompt=True)
        return self.process.ready("Startup complete")

    @property
    def is_ready(self) -> bool:
        """Whether it would take the address: its last word of the check and of the state."""
        words = re.findall(r"\) Entering (\w+) STATE", self.process.text)
        return words[-1:] in (["BACKUP"], ["MASTER"])

    def kill(self) -> None:
        """All of it at once: the child takes the addresses off when it sees its parent die."""
        parent, child = (int((self._place / name).read_text()) for name in ("parent.pid", "vrrp.pid"))
        os.kill(child, signal.SIGSTOP)
        os.kill(parent, signal.SIGKILL)
        os.kill(child, signal.SIGKILL)

    def stop(self) -> None:
        self.process.stop()


class Node(Stoppable):
    """A host: an edge and its keepalived."""

    def __init__(self, name: str, namespace: str, edge: Edge, place: Path) -> None:
        self.name = name
        self.namespace = namespace
        self.edge = edge
        self.keepalived = Keepalived(edge, namespace, place)

    @property
    def has_address(self) -> bool:
        return f" {SHARED}/" in run("ip -4 -o addr show dev eth0", self.namespace)

    def send(self, number: signal.Signals) -> None:
        """Send a signal to the edge."""
        self.edge.process.send(number)

    def stop(self) -> None:
        self.edge.process.send(signal.SIGCONT)
        self.edge.stop()
        self.keepalived.stop()


class Nodes(Stoppable):
    """See the module's docstring. `settings` are those of every edge."""

    def __init__(self, place: Path, settings: str = "", users: int = 40) -> None:
        self._stem = f"tn{os.getpid() % 100_000}"
        self._users = iter(range(100, 100 + users))
        self.doors = free_doors()
        run(f"ip link add {_BRIDGE} type bridge")
        run(f"ip addr add {_ROUTER}/24 dev {_BRIDGE}")
        run(f"ip link set {_BRIDGE} up")
        # Phones announce HOME, and are heard from there only.
        run(f"ip route change {_NETWORK}.0/24 dev {_BRIDGE} src {HOME}")
        self.nats = Nats(place, DEBIANS)
        self.nodes: list[Node] = []
        self._namespaces: list[str] = []
        try:
            self._begin(place, settings, users)
        except BaseException:
            self.stop()
            raise

    def _begin(self, place: Path, settings: str, users: int) -> None:
        for number, name in enumerate(("a", "b"), start=1):
            self._add(number, name, place / name, settings, users)
        self.wait(lambda: any(node.has_address for node in self.nodes), "nobody has the address")
        self.wait(lambda: all(self.is_joined(node) for node in self.nodes), "the nodes do not know of each other")

    def _add(self, number: int, name: str, place: Path, settings: str, users: int) -> None:
        namespace = f"{self._stem}{name}"
        run(f"ip netns add {namespace}")
        self._namespaces.append(namespace)
        run(f"ip link add {self._stem}{name} type veth peer name eth0 netns {namespace}")
        run(f"ip link set {self._stem}{name} master {_BRIDGE} up")
        for command in ("link set lo up", f"addr add {_NETWORK}.{number}/24 dev eth0", "link set eth0 up"):
            run(f"ip -n {namespace} {command}")
        run(f"ip -n {namespace} route add default via {_ROUTER}")
        listed = "".join(
            f'[[cluster.nodes]]\nname = "{other}"\naddress = "{_NETWORK}.{at}"\n'
            for at, other in enumerate(("a", "b"), start=1)
        )
        own = f'address = "{_NETWORK}.{number}:{self.doors.tcp}"\naddresses = ["{SHARED}"]\n{listed}'
        edge = Edge(
            place,
            host=SHARED,
            settings=f'domains = ["{SHARED}"]\n{self.nats.settings(name)}{own}{settings}',
            users=users,
            doors=self.doors,
            under=("ip", "netns", "exec", namespace),
        )
        self.nodes.append(Node(name, namespace, edge, place / "keepalived"))

    def identity(self, transport: str = "udp") -> Identity:
        """A user nobody has had yet, who registers at the address that moves."""
        number = next(self._users)
        return Identity(f"user{number}", f"pass{number}", SHARED, self.doors.of(transport), transport)

    @property
    def holders(self) -> list[Node]:
        return [node for node in self.nodes if node.has_address]

    @property
    def holder(self) -> Node:
        """Who has the address."""
        (node,) = self.holders
        return node

    def other(self, node: Node) -> Node:
        return next(other for other in self.nodes if other is not node)

    def is_joined(self, node: Node) -> bool:
        """Whether it knows that the other one is there."""
        known = json.loads(node.edge.command("cluster", "--json"))["nodes"]
        return {"here", "there"} == {each["state"] for each in known}

    def wait(self, happened: Callable[[], bool], what: str, timeout_s: float = 30.0) -> None:
        """Wait until something holds, or fail with what every log says."""
        if not wait_until(happened, timeout_s):
            texts = [text for node in self.nodes for text in (node.edge.process.text, node.keepalived.process.text)]
            raise AssertionError("\n\n".join([what, *(text[-3_000:] for text in texts)]))

    def block(self, frm: Node, to: Node, protocol: str = "vrrp") -> None:
        """From now on nothing of a protocol comes from one node to the other; the other way it does."""
        for command in (
            "add table ip half",
            "add chain ip half in { type filter hook input priority 0 ; }",
            f"add rule ip half in ip saddr {_NETWORK}.{self.nodes.index(frm) + 1} ip protocol {protocol} drop",
        ):
            run(f"nft {command}", to.namespace)

    def stop(self) -> None:
        for node in self.nodes:
            node.stop()
        self.nats.stop()
        for namespace in self._namespaces:
            subprocess.run(["ip", "netns", "del", namespace], capture_output=True, check=False)
        run(f"ip link del {_BRIDGE}")


class Wiretap(Stoppable):
    """When RTP of the shared address came by, for each port that it went to."""

    def __init__(self) -> None:
        self.came: defaultdict[int, list[float]] = defaultdict(list)
        self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(_ETHERTYPE_IPV4))
        self._socket.bind((_BRIDGE, _ETHERTYPE_IPV4))
        self._socket.settimeout(0.2)
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()

    def _listen(self) -> None:
        shared = socket.inet_aton(SHARED)
        while not self._is_over.is_set():
            try:
                packet = self._socket.recv(2_048)
            except TimeoutError:
                continue
            head = (packet[0] & 15) * 4
            if packet[12:16] != shared or packet[9] != socket.IPPROTO_UDP or len(packet) < head + 20:
                continue
            # RTP and not RTCP, STUN or DTLS (RFC 7983, RFC 5761 section 4).
            if packet[head + 8] >> 6 == 2 and not 192 <= packet[head + 9] <= 223:
                (port,) = struct.unpack_from("!H", packet, head + 2)
                self.came[port].append(time.monotonic())

    def gaps(self, since: float) -> dict[int, float]:
        """The longest silence of each port since then, for those that heard something before and after it."""
        found: dict[int, float] = {}
        for port, times in self.came.items():
            known = list(times)
            around = [(later - sooner) for sooner, later in itertools.pairwise(known) if later >= since]
            if around and known[0] < since:
                found[port] = max(around)
        return found

    def stop(self) -> None:
        self._is_over.set()
        self._thread.join(2)
        self._socket.close()
