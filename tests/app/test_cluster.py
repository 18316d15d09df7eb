"""`talkpath cluster`, what the log says of a cluster, and where nodes reach each other."""

import json
import logging
import time

import msgspec
import pytest
from tests.cluster.rig import SECRET

from talkpath.app.cluster import command
from talkpath.app.cluster.joining import node_address
from talkpath.app.cluster.rows import cluster_row
from talkpath.app.config.cluster import Cluster
from talkpath.app.config.listeners import Listener
from talkpath.app.config.tree import Config
from talkpath.app.console.phrase import Trouble
from talkpath.app.log.cluster import ClusterLog
from talkpath.base.address import Transport
from talkpath.base.texts import Language
from talkpath.cluster.claims import Claims
from talkpath.cluster.copy import State
from talkpath.cluster.membership import About, Membership
from talkpath.cluster.memory import Hub, MemoryEngine
from talkpath.cluster.nodes import Event, News, Node, NodeRecord

OWN = NodeRecord("a", "1.0", 1_000.0, "TCP", "192.0.2.1", 5060, domains=("x.example",), first_port=1, last_port=9)
OTHER = NodeRecord("b", "1.1", 2_000.0, "UDP", "192.0.2.2", 5070, calls=3, registrations=7, first_port=1, last_port=8)


@pytest.fixture
def membership() -> Membership:
    about = About("tests", "a", SECRET, b"a" * 16)
    return Membership(about, MemoryEngine(Hub()), lambda: OWN, time.time)


def _listed(membership: Membership, *, is_alive: bool) -> None:
    membership.nodes._others["b"] = node = Node(OTHER)
    node.is_alive = is_alive


def test_a_table_of_nodes(
    membership: Membership, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _listed(membership, is_alive=True)
    monkeypatch.setattr(command, "ControlClient", lambda state: _Answers([cluster_row(membership, OWN)]))
    command.print_cluster(Config(), Language.EN, as_json=False)
    told = capsys.readouterr()
    rows = [line.split("\t") for line in told.out.splitlines()]
    assert [row[:5] for row in rows] == [
        ["a", "this node", "TCP 192.0.2.1:5060", "0", "0"],
        ["b", "there", "UDP 192.0.2.2:5070", "3", "7"],
    ]
    assert "the engine is away" in told.err.lower()
    command.print_cluster(Config(), Language.EN, as_json=True)
    assert [node["name"] for node in json.loads(capsys.readouterr().out)["nodes"]] == ["a", "b"]


@pytest.mark.parametrize(("rows", "code"), [(None, "no-edge"), ([], "no-cluster")])
def test_without_a_cluster_it_says_so(rows: list[object] | None, code: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "ControlClient", lambda state: _Answers(rows))
    with pytest.raises(Trouble) as told:
        command.print_cluster(Config(), Language.EN, as_json=False)
    assert told.value.code == code


class _Answers:
    def __init__(self, rows: list[object] | None) -> None:
        self._rows = rows

    def cluster(self) -> list[object] | None:
        return self._rows


def test_the_log_says_each_once(membership: Membership, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    log = ClusterLog(membership, Claims(membership.nodes, "a", ()), OWN, Language.EN)
    log.tell()
    membership.copy.state = State.LIVE
    membership.nodes._news += [Event(news, OTHER) for news in News]
    membership.copy.counters["unreadable"] = 2
    membership.unreadable_kind = "binding"
    log.tell()
    said = [record.getMessage() for record in caplog.records]
    assert len(said) == 4 + len(News)
    assert said[0].startswith("The engine of the cluster is away")
    assert any("other domains (none) than this one (x.example)" in line for line in said)
    assert any("media ports (1-8) than this one (1-9)" in line for line in said)
    assert said[-1].startswith("Records of the cluster cannot be read: 2 so far, the last of the kind binding")
    log.tell()
    assert len(caplog.records) == len(said)


def _config(*doors: Listener, address: str = "") -> Config:
    return msgspec.structs.replace(Config(), listeners=doors, cluster=Cluster(address=address))


def test_nodes_reach_each_other_at_a_listener() -> None:
    udp, tcp = (Listener(transport=one, port=5070) for one in (Transport.UDP, Transport.TCP))
    tls = Listener(transport=Transport.TLS)
    own = ["192.0.2.5", "2001:db8::5"]
    assert node_address(_config(tls, udp, tcp), lambda: own) == ("TCP", "192.0.2.5", 5070)
    assert node_address(_config(tls, udp), lambda: own) == ("UDP", "192.0.2.5", 5070)
    named = Listener(transport=Transport.TCP, address="192.0.2.9", port=5080)
    assert node_address(_config(named), lambda: own) == ("TCP", "192.0.2.9", 5080)
    assert node_address(_config(udp, named, address="192.0.2.7:5070"), lambda: own) == ("UDP", "192.0.2.7", 5070)
    # Without one nobody can send it anything.
    assert node_address(_config(tls), lambda: own) == ("TCP", "", 0)
