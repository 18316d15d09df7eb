"""A cluster as it travels to whoever asks the running edge."""

from collections.abc import Sequence

import msgspec

from talkpath.cluster.membership import Membership
from talkpath.cluster.nodes import NodeRecord
from talkpath.edge.nodes.keeping import Untold

# Calls at risk that are listed.
_SHOWN = 1_000


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


class RiskRow(msgspec.Struct, frozen=True):
    """A call that would be lost if this node died now. `why`: begins, untold, handshake (`detail` is whose), address
    (`detail`: those that do not move), unwritten, alone."""

    call_id: str
    why: str
    detail: str = ""


class ClusterRow(msgspec.Struct, frozen=True):
    """The cluster as this node sees it. `engine`: live, reading, away. `calls` run here; `at_risk` has at most a
    thousand of them."""

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
    calls: int = 0
    at_risk: list[RiskRow] = []


def cluster_row(membership: Membership, own: NodeRecord, at_risk: Sequence[Untold] = ()) -> ClusterRow:
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
        own.calls,
        [RiskRow(*one) for one in at_risk[:_SHOWN]],
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
