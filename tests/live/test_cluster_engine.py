"""A real nats-server as the engine of a cluster: TLS, a stream that keeps records too short, a table that is full."""

import asyncio
import os
import signal
import ssl
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
import pytest_asyncio
from nats.aio.client import Client

from harness.nats import CURRENT, DEBIANS, Nats
from harness.network import HOME, run
from talkpath.cluster import membership as joining
from talkpath.cluster.envelope import Envelope, Place, packed
from talkpath.cluster.jetstream import JetStream
from talkpath.cluster.membership import About, CannotJoin, Hindrance, Membership
from talkpath.cluster.nodes import NodeRecord
from talkpath.cluster.sealing import Seal
from talkpath.cluster.shared import Shared

pytestmark = pytest.mark.live
SECRET = "a secret of the tests"
DAY_S = 86_400.0


class Table:
    """Nodes without an edge."""

    def __init__(self) -> None:
        self.joined: list[Membership] = []

    def node(self, nats: Nats, name: str, keep_s: float = DAY_S, context: ssl.SSLContext | None = None) -> Membership:
        started_at = time.time()
        scheme = "nats" if context is None else "tls"
        urls = tuple(f"{scheme}://{HOME}:{port}" for port in nats.ports)
        engine = JetStream("tests", urls, keep_s, "", None, context)
        about = About("tests", name, SECRET, os.urandom(16))
        record = NodeRecord(name, "1", started_at, "TCP", "192.0.2.1", 5060)
        self.joined.append(Membership(about, engine, lambda: record, time.time))
        return self.joined[-1]

    async def join(self, *where: object) -> Membership:
        made = self.node(*where)  # type: ignore[arg-type]
        await made.join(None, lambda: Shared(b"t" * 32, b"n" * 32, b"c", b"k", 1.0))
        return made


@pytest_asyncio.fixture
async def table(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Table]:
    monkeypatch.setattr(joining, "_FIRST_PATIENCE_S", 10.0)
    made = Table()
    yield made
    for one in made.joined:
        await one.close()


class Authority:
    """Signs a certificate for the server, and one for a node."""

    def __init__(self, place: Path) -> None:
        self.place = place
        place.mkdir()
        self.file = place / "ca.pem"
        new = "openssl req -newkey rsa:2048 -nodes"
        run(f"{new} -x509 -days 2 -subj /CN=tests -keyout {place}/ca.key -out {self.file}")
        for name in ("server", "node"):
            names = place / f"{name}.ext"
            names.write_text(f"subjectAltName=IP:{HOME}")
            run(f"{new} -subj /CN={name} -keyout {place}/{name}.key -out {place}/{name}.csr")
            signed = f"-CA {self.file} -CAkey {place}/ca.key -CAcreateserial -days 2 -extfile {names}"
            run(f"openssl x509 -req -in {place}/{name}.csr {signed} -out {place}/{name}.pem")

    def of_the_server(self) -> str:
        own = f'cert_file: "{self.place}/server.pem", key_file: "{self.place}/server.key"'
        return f'tls {{ {own}, ca_file: "{self.file}", verify: true }}\n'

    def context(self, *, own: bool) -> ssl.SSLContext:
        context = ssl.create_default_context(cafile=str(self.file))
        if own:
            context.load_cert_chain(f"{self.place}/node.pem", f"{self.place}/node.key")
        return context


async def test_nodes_and_the_engine_know_each_other_by_certificates(tmp_path: Path, table: Table) -> None:
    authority = Authority(tmp_path / "ours")
    with Nats(tmp_path, more=authority.of_the_server()) as nats:
        a = await table.join(nats, "a", DAY_S, authority.context(own=True))
        await a._until(lambda: a.health().state == "live", 5)
        assert a.health().state == "live"
        for stranger in (Authority(tmp_path / "theirs").context(own=False), authority.context(own=False)):
            with pytest.raises(CannotJoin) as told:
                await table.join(nats, "b", DAY_S, stranger)
            assert told.value.why is Hindrance.TRUST


@pytest.mark.parametrize("command", [DEBIANS, CURRENT], ids=["2.9 of Debian", "current"])
async def test_a_stream_made_for_shorter_registrations_keeps_records_longer_and_never_less(
    tmp_path: Path, table: Table, command: Path
) -> None:
    with Nats(tmp_path, command) as nats:
        for name, keep_s in (("a", DAY_S), ("b", 3 * DAY_S), ("c", 2 * DAY_S)):
            await table.join(nats, name, keep_s)
        info = await table.joined[0]._engine._js.stream_info("talkpath_tests")  # type: ignore[attr-defined]
        assert info.config.max_age == 3 * DAY_S
        assert info.config.max_msgs_per_subject == 1
        assert info.config.allow_direct


async def test_a_table_of_stale_and_foreign_records_holds_nobody_up_and_takes_no_memory(
    tmp_path: Path, table: Table
) -> None:
    with Nats(tmp_path) as nats:
        a = await table.join(nats, "a")
        stale, foreign = Seal(SECRET, "tests", os.urandom(16)), Seal("another secret", "tests", os.urandom(16))
        client = Client()
        await client.connect(f"nats://{HOME}:{nats.ports[0]}", pending_size=2**26)
        old = packed(Envelope("z", time.time() - 9_000, time.time() - 5_000, b"a binding of yesterday"))
        count = 4_000
        for number in range(count):
            place = Place("binding", f"{number:032x}")
            seal = stale if number % 10 else foreign
            await client.publish(f"talkpath.tests.{place}", seal.seal(place, old)[1])
        await client.flush()
        await client.close()
        await a._until(lambda: a.copy.counters["read"] >= count, 60)
        b = await table.join(nats, "b")
        assert b.copy.counters["read"] >= count
        assert b.copy.counters["unreadable"] == count // 10
        assert b.health().records < 10
        # They lie there yet, until the engine lets go of them.
        info = await b._engine._js.stream_info("talkpath_tests")  # type: ignore[attr-defined]
        assert info.state.messages >= count


@pytest.fixture(name="small_disk")
def disk_of_a_few_megabytes(tmp_path: Path) -> Iterator[Path]:
    """What the first server writes to."""
    place = tmp_path / "nats0"
    place.mkdir()
    run(f"mount -t tmpfs -o size=16m tmpfs {place}")
    yield place
    run(f"umount -l {place}")


@pytest.mark.parametrize("command", [DEBIANS, CURRENT], ids=["2.9 of Debian", "current"])
async def test_a_full_disk_of_the_engine_is_as_if_it_were_away_until_it_has_room_and_begins_again(
    tmp_path: Path, small_disk: Path, table: Table, command: Path
) -> None:
    """nats-server 2.15.2 refuses to write also when there is room again."""
    with Nats(tmp_path, command) as nats:
        a, b = await table.join(nats, "a"), await table.join(nats, "b")
        await a._until(lambda: a.health().state == b.health().state == "live", 10)
        stuffing = small_disk / "stuffing"
        with suppress(OSError), stuffing.open("wb", buffering=0) as file:
            while True:
                file.write(b"x" * 4_096)
        await a._until(lambda: "live" not in (a.health().state, b.health().state), 60)
        assert "live" not in (a.health().state, b.health().state)
        stuffing.unlink()
        nats.kill(0)
        nats.start_again(0)
        await a._until(lambda: a.health().state == b.health().state == "live", 60)
        assert (a.health().state, b.health().state) == ("live", "live")
        assert a.health().waiting == 0


def server_of(node: Membership, nats: Nats) -> int:
    """Which of the servers a node speaks to."""
    return nats.ports.index(int(node.describe().server.rpartition(":")[2]))


def stuff(node: Membership) -> None:
    """More than two kernels hold for a server that reads nothing."""
    for number in range(400):
        node._engine.publish(Place("binding", f"{number:032x}"), b"x" * 65_536)


async def test_a_server_that_stands_still_while_much_is_written_to_it_is_left_for_another(
    tmp_path: Path, table: Table
) -> None:
    with Nats(tmp_path, count=3) as nats:
        a = await table.join(nats, "a")
        await a._until(lambda: a.health().state == "live", 10)
        stopped = server_of(a, nats)
        nats.servers[stopped].send(signal.SIGSTOP)
        stuff(a)
        await a._until(lambda: a.health().state != "live", 10)
        await a._until(lambda: a.health().state == "live", 30)
        assert a.health().state == "live"
        assert server_of(a, nats) != stopped
        await table.joined.pop().close()
        nats.servers[stopped].send(signal.SIGCONT)


async def test_a_node_leaves_a_server_that_stands_still_while_much_is_written_to_it(
    tmp_path: Path, table: Table
) -> None:
    with Nats(tmp_path) as nats:
        a = await table.join(nats, "a")
        await a._until(lambda: a.health().state == "live", 10)
        nats.servers[0].send(signal.SIGSTOP)
        stuff(a)
        async with asyncio.timeout(10):
            await table.joined.pop().close()
        nats.servers[0].send(signal.SIGCONT)
