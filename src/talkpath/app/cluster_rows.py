"""A cluster as it travels to whoever asks the running edge."""

import msgspec

from talkpath.cluster.membership import Membership
from talkpath.cluster.nodes import NodeRecord


class NodeRow(msgspec.Struct, frozen=True):
    """One node. `state`: here, there, drains (it gives way), gone, unheard (read, and not heard since), fenced.
    `went_to`: calls that went from it to others since it drains, by their names. Times in seconds since the epoch."""

    name: str
    state: str
    address: str
    calls: int
    registrations: int
    lag_s: float
    waiting: int
    started_at: float
    version: str
    went_to: dict[str, int] = {}


class ClusterRow(msgspec.Struct, frozen=True):
    """The cluster as this node sees it. `engine`: live, reading, away."""

    cluster: str
    node: str
    engine: str
    since: float
    server: str
    server_version: str
    replicas: int
    lag_s: float
    records: int
    waiting: int
    nodes: list[NodeRow]


def cluster_row(membership: Membership, own: NodeRecord) -> ClusterRow:
    health, engine = membership.health(), membership.describe()
    state = "fenced" if membership.copy.is_fenced else "drains" if own.gives_way else "here"
    rows = [_row(own, state)]
    for node in membership.nodes.others():
        there = "drains" if node.record.gives_way else "there"
        rows.append(_row(node.record, there if node.is_alive else "gone" if node.way is not None else "unheard"))
    return ClusterRow(
        membership.about.cluster,
        membership.about.node,
        health.state,
        health.since,
        engine.server,
        engine.version,
        engine.replicas,
        health.lag_s,
        health.records,
        health.waiting + health.on_the_way,
        sorted(rows, key=lambda row: row.name),
    )


def _row(record: NodeRecord, state: str) -> NodeRow:
    return NodeRow(
        record.name,
        state,
        f"{record.transport} {record.host}:{record.port}",
        record.calls,
        record.registrations,
        record.lag_s,
        record.waiting,
        record.started_at,
        record.version,
        dict(record.went_to),
    )
