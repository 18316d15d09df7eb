"""Joins the cluster that the configuration names, before the edge is made of what its nodes share."""

import os
import secrets
import ssl
from collections.abc import Callable, Collection
from ipaddress import ip_address, ip_network
from pathlib import Path

import msgspec
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey

from talkpath import __version__
from talkpath.app.cluster import words
from talkpath.app.cluster.rows import ClusterRow, cluster_row
from talkpath.app.cluster.shared_calls import CallCodec
from talkpath.app.config.endpoints import parse_address_and_port
from talkpath.app.config.listeners import ANY, Listener
from talkpath.app.config.tree import Config
from talkpath.app.console.phrase import Trouble, phrase
from talkpath.app.log.cluster import ClusterLog
from talkpath.app.node.start import Prepared
from talkpath.app.process.host import host_addresses
from talkpath.app.state.directory import token_key
from talkpath.base.address import Transport
from talkpath.cluster.bans import SharedBans
from talkpath.cluster.calls import Calls
from talkpath.cluster.claims import Claims
from talkpath.cluster.copy import State
from talkpath.cluster.gateways import SharedGateways
from talkpath.cluster.membership import About, CannotJoin, Membership
from talkpath.cluster.nodes import NodeRecord
from talkpath.cluster.orders import Order, Orders
from talkpath.cluster.sealing import MARK_BYTES
from talkpath.cluster.shared import Shared, decoded, encoded
from talkpath.edge.admission.guard import Guard
from talkpath.edge.edge import Edge
from talkpath.edge.nodes.keeping import Untold
from talkpath.net.clock import Clock
from talkpath.secure.certificate import Certificate
from talkpath.store.files import replace

_FILE = "cluster.key"
# The engine keeps a record for so long that nobody renews: a day, or longer than a registration may last.
_KEEP_S = 86_400.0
_SPARE_S = 3_600.0
# The certificate is for DTLS, where its fingerprint counts and its dates do not; a cluster has one for all its life.
_CERTIFICATE_DAYS = 3_650


class Joined:
    """A node in its cluster, as the rest of the node sees it."""

    def __init__(self, prepared: Prepared, membership: Membership, own: NodeRecord) -> None:
        self.membership = membership
        self.own = own
        self.edge: Edge | None = None
        self.gives_way = False
        self.orders = Orders(membership.copy, membership.member.wake, own.started_at)
        addresses = prepared.config.cluster.addresses
        self.calls = Calls(
            membership.copy, membership.seal, membership.member.wake, CallCodec(), addresses, membership.nodes
        )
        membership.nodes.run_by = self.calls.runner_of
        copy, seal = membership.copy, membership.seal
        self.bans = SharedBans(copy, seal, membership.member.wake)
        self.gateways = SharedGateways(copy, seal, membership.member.wake, membership.nodes)
        self.claims = Claims(membership.nodes, membership.about.node, addresses)
        self.shared: Shared
        self._log = ClusterLog(membership, self.claims, own, prepared.language)
        self._trusted: set[str] = set()

    @property
    def certificate(self) -> Certificate:
        """The certificate for DTLS."""
        key = serialization.load_der_private_key(self.shared.certificate_key, None)
        assert isinstance(key, EllipticCurvePrivateKey)
        return Certificate(self.shared.certificate, key)

    def record(self) -> NodeRecord:
        """What this node says of itself now."""
        health = self.membership.health()
        calls = registrations = 0
        if self.edge is not None:
            core = self.edge.core
            calls, registrations = len(core.calls), len(core.registrar) - core.registrar.elsewhere
        said = {"calls": calls, "registrations": registrations, "lag_s": health.lag_s, "waiting": health.waiting}
        went_to = dict(self.calls.went_to)
        return msgspec.structs.replace(
            self.own, gives_way=self.gives_way, went_to=went_to, addresses=self.claims.held, **said
        )

    def at_risk(self, now: float) -> list[Untold]:
        """The running calls that would be lost if this node died now, each once, and why."""
        if self.edge is None:
            return []
        found: dict[str, Untold] = {}
        for one in (*self.edge.keeping.untold(), *self.calls.stranded(now)):
            found.setdefault(one.call_id, one)
        return list(found.values())

    def order(self, node: str, gives_way: bool, now: float) -> str:
        """Tell another node, or this one, to give way or to stop that; "" or why not."""
        if node == self.own.name:
            if self.orders.obey is not None:
                self.orders.obey(gives_way, now)
            return ""
        other = next((one for one in self.membership.nodes.others() if one.record.name == node), None)
        if other is None or not other.is_alive:
            return "unknown" if other is None else "gone"
        self.orders.give(node, Order(other.record.started_at, gives_way), now)
        return ""

    @property
    def counters(self) -> dict[str, Callable[[], dict[str, int]]]:
        """For the metrics."""
        return {"cluster": lambda: {**self.membership.copy.counters, **self.calls.counters}}

    @property
    def gauges(self) -> dict[str, Callable[[], float]]:
        """For the metrics."""
        membership = self.membership
        return {
            "cluster_live": lambda: float(membership.health().state is State.LIVE),
            "cluster_lag_seconds": lambda: membership.health().lag_s,
            "cluster_calls_at_risk": lambda: len(self.at_risk(self.membership.now())),
            "cluster_waiting": lambda: membership.health().waiting,
            "cluster_nodes": lambda: 1 + sum(node.is_alive for node in membership.nodes.others()),
            "registrations_elsewhere": lambda: 0 if self.edge is None else self.edge.core.registrar.elsewhere,
        }

    def row(self) -> ClusterRow:
        return cluster_row(self.membership, self.record(), self.at_risk(self.membership.now()))

    def addresses_are(self, here: Collection[str], now: float) -> None:
        """This host has these addresses now: to be called when that changes, and every second."""
        if self.claims.look(here, now):
            # Before the calls, so that who reads of these knows why.
            self.membership.copy.beat_now(now)
            self.membership.member.wake()
        self.calls.look(here, now)
        if self.edge is not None:
            self.edge.core.registrar.inherit(self.calls.take_new())
        for host, refusal in self.claims.overdue(now):
            self._log.take_off(host, refusal.to)

    def inherit(self, now: float) -> None:
        """Take up some of the phones that came with addresses: to be called often."""
        if self.edge is not None:
            self.edge.core.registrar.inherit_more(self.claims.held, now)

    def look(self, guard: Guard, now: float) -> None:
        """Say what happened, let nodes send what they like, and see who died: to be called every second."""
        for node in self.membership.nodes.others():
            host = node.record.host
            if node.way is not None and host not in self._trusted and not ip_address(host).is_loopback:
                self._trusted.add(host)
                guard.trust(ip_network(host), True)
        self._log.tell()
        self.calls.rescue(now)
        if self.edge is not None:
            self.edge.bereaved.look(now)


async def joined(prepared: Prepared, clock: Clock) -> Joined | None:
    """The cluster of this node, None where it is alone. Raises `Trouble`."""
    config = prepared.config
    if not config.cluster.name or config.cluster.secret is None:
        return None
    try:
        from talkpath.cluster.jetstream import JetStream
    except ModuleNotFoundError as error:
        raise Trouble("not-installed", phrase(words.NOT_INSTALLED, module=error.name or "")) from error
    cluster, own = config.cluster, _own_record(config, clock.now())
    keep_s = max(_KEEP_S, config.registrar.max_expires_s + _SPARE_S)
    engine = JetStream(cluster.name, cluster.urls, keep_s, cluster.user, cluster.password, _context(config))
    about = About(cluster.name, cluster.node, config.cluster.secret.reveal(), secrets.token_bytes(MARK_BYTES))
    # What the heartbeat says is asked for as soon as there is one, which is before there is an edge.
    members: list[Joined] = []

    def record() -> NodeRecord:
        return members[0].record()

    membership = Membership(about, engine, record, clock.now)
    members.append(Joined(prepared, membership, own))
    file = prepared.state / _FILE
    try:
        members[0].shared = await membership.join(_stored(file), lambda: _made(prepared.state, clock.now()))
    except CannotJoin as error:
        await membership.member.close()
        text, values = words.HINDRANCES[error.why], {"cluster": cluster.name, "node": cluster.node}
        raise Trouble(f"cluster-{error.why}", phrase(text, address=error.address, **values)) from error
    replace(file, encoded(members[0].shared), mode=0o600)
    return members[0]


def _context(config: Config) -> ssl.SSLContext | None:
    """How we speak TLS to the engine; None where nobody asks for it. Raises `Trouble`."""
    cluster = config.cluster
    if not (cluster.ca or cluster.certificate or any(url.startswith("tls://") for url in cluster.urls)):
        return None
    try:
        context = ssl.create_default_context(cafile=cluster.ca or None)
        if cluster.certificate:
            context.load_cert_chain(cluster.certificate, cluster.key)
    except OSError as error:
        raise Trouble("cluster-certificates", phrase(words.CERTIFICATES_UNUSABLE, why=str(error))) from error
    return context


def _own_record(config: Config, now: float) -> NodeRecord:
    transport, host, port = node_address(config, host_addresses)
    return NodeRecord(
        config.cluster.node,
        __version__,
        now,
        transport,
        host,
        port,
        domains=tuple(sorted(domain.lower() for domain in config.domains)),
        first_port=config.media.first_port,
        last_port=config.media.last_port,
    )


def node_address(config: Config, addresses: Callable[[], list[str]]) -> tuple[str, str, int]:
    """Where other nodes reach us: transport, host and port; `addresses` are those of this host."""
    doors = [door for door in config.doors if door.transport in (Transport.TCP, Transport.UDP)]
    doors.sort(key=lambda door: door.transport is Transport.UDP)
    given = parse_address_and_port(config.cluster.address)
    if given is not None:
        same = [door for door in doors if door.listening_port == given.port]
        return (same[0].transport if same else Transport.TCP, *given)
    if not doors:
        return Transport.TCP, "", 0
    return doors[0].transport, _host_of(doors[0], addresses), doors[0].listening_port


def _host_of(door: Listener, addresses: Callable[[], list[str]]) -> str:
    if door.address != ANY and not ip_address(door.address).is_unspecified:
        return door.address
    return next(iter(addresses()), "")


def _stored(file: Path) -> Shared | None:
    """What was shared when this node last ran; None for what cannot be used."""
    try:
        return decoded(file.read_bytes())
    except (OSError, ValueError):
        return None


def _made(state: Path, now: float) -> Shared:
    """What this node gives to a cluster that is new: its own key of routes, so that what it wrote stays good."""
    certificate = Certificate.make(now, _CERTIFICATE_DAYS)
    key = certificate.key.private_bytes(
        serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return Shared(token_key(state), os.urandom(32), certificate.der, key, now)
