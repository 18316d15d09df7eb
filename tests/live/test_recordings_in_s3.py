"""Recordings and a real S3 server: nothing is lost or there twice, whoever dies, and what was altered is found."""

import hashlib
import json
import os
import shutil
import signal
from pathlib import Path

import pytest
from tests.store.test_recordings import HEAD, PACKET

from conftest import Agents
from harness.agent import connect
from harness.edge import Edge
from harness.process import wait_until
from harness.recorded import Recordings, packets_of, sound_to
from harness.s3 import S3
from harness.sound import assert_alike
from talkpath.store.recordings.layout import Layout
from talkpath.store.recordings.manifest import Manifest, State, Stored, encoded, read

pytestmark = pytest.mark.live


@pytest.fixture(autouse=True)
def _ours(request) -> None:
    if request.config.getoption("--edge") == "reference":
        pytest.skip("about our recordings")


@pytest.fixture
def s3(tmp_path):
    with S3(tmp_path / "s3") as server:
        yield server


def recorded(place: Path, *names: str, packets: int = 100) -> dict[str, str]:
    """Recordings that an edge left in its state directory; the SHA-256 of each."""
    layout = Layout(place / "state" / "recordings")
    layout.make()
    made = {}
    for number, name in enumerate(names):
        data = HEAD + (PACKET[:-1] + bytes([number])) * packets
        made[name] = hashlib.sha256(data).hexdigest()
        layout.pcap_of(name).write_bytes(data)
        layout.metadata_of(name).write_text(f"{layout.pcap_of(name)}\n\n")
        one = Manifest(
            name=name,
            state=State.COMPLETE,
            call_id=name,
            link_type="raw",
            started=1000.0,
            started_by="all",
            packets=packets,
            bytes=len(data),
            sha256=made[name],
            stored=(Stored(where="local", path=f"pcaps/{name}.pcap"),),
        )
        layout.manifest_of(name).write_bytes(encoded(one))
    return made


def stored(s3: S3, made: dict[str, str], timeout_s: float = 30.0) -> bool:
    """Whether each gets there, once, as it was recorded."""
    wanted = {f"manifests/{name}.json" for name in made}
    arrived = wait_until(lambda: set(s3.objects("manifests/")) == wanted, timeout_s)
    held = {name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in s3.objects("pcaps/").items()}
    return arrived and held == {f"pcaps/{name}.pcap": digest for name, digest in made.items()}


def freed(edge: Edge) -> bool:
    return wait_until(lambda: not list((edge.place / "state" / "recordings" / "pcaps").iterdir()), 10)


def test_altered_objects_are_found_and_do_not_come_back(tmp_path, s3) -> None:
    made = recorded(tmp_path / "edge", "a", "b")
    with Edge(tmp_path / "edge", settings=s3.settings()) as edge:
        assert stored(s3, made)
        assert freed(edge)
        assert edge.command("recordings", "verify") == ""
        pcap = s3.objects()["pcaps/a.pcap"]
        pcap.write_bytes(pcap.read_bytes()[:-1] + b"?")
        found = json.loads(edge.command("recordings", "verify", "--json", failing=True))
        assert [(one["fault"], one["name"]) for one in found] == [("store-altered", "a")]
        edge.command("recordings", "fetch", "a", failing=True)
        edge.command("recordings", "fetch", "b")
        fetched = edge.place / "state" / "recordings" / "pcaps"
        assert {path.name for path in fetched.iterdir()} == {"b.pcap"}
        assert not edge.complaints()


def test_an_edge_that_is_killed_in_mid_upload_brings_all_there_once(tmp_path, s3) -> None:
    made = recorded(tmp_path / "edge", "a", "b", packets=1_000_000)
    edge = Edge(tmp_path / "edge", settings=s3.settings())
    try:
        assert wait_until(lambda: s3.has_parts)
        edge.kill()
        assert not s3.objects("pcaps/")
        edge.start()
        assert stored(s3, made)
        assert freed(edge)
        assert edge.command("recordings", "verify") == ""
        assert s3.has_parts, "of the upload that was killed"
        s3.age_parts()
        edge.process.stop()
        edge.start()
        assert wait_until(lambda: not s3.has_parts)
        assert len(s3.objects("pcaps/")) == 2
    finally:
        edge.stop()


def test_a_server_that_is_killed_in_mid_upload_costs_seconds(tmp_path, s3) -> None:
    made = recorded(tmp_path / "edge", "a", packets=1_000_000)
    with Edge(tmp_path / "edge", settings=s3.settings()) as edge:
        assert wait_until(lambda: s3.has_parts)
        s3.process.stop(signal.SIGKILL)
        edge.process.wait_for("does not answer as it should")
        s3.start()
        assert stored(s3, made)
        edge.process.wait_for("takes recordings again")


def test_wrong_credentials_are_said_and_nothing_leaves_the_disk(tmp_path, s3) -> None:
    recorded(tmp_path / "edge", "a")
    with Edge(tmp_path / "edge", settings=s3.settings(secret="of-somebody-else")) as edge:
        edge.process.wait_for("does not let us in")
        assert "of-somebody-else" not in edge.process.text
        assert s3.objects() == {}
        assert list((edge.place / "state" / "recordings" / "pcaps").iterdir())


def test_a_bucket_that_vanishes_is_one_fault_and_what_comes_later_waits_for_it(tmp_path, s3) -> None:
    made = recorded(tmp_path / "edge", "a", "b")
    with Edge(tmp_path / "edge", settings=s3.settings(keep_local=True)) as edge:
        assert stored(s3, made)
        s3.vanish()
        (found,) = json.loads(edge.command("recordings", "verify", "--json", failing=True))
        assert found["fault"] == "store-unread"
        edge.process.stop()
        # As if the store had never had them.
        layout = Layout(edge.place / "state" / "recordings")
        for name in made:
            one = read(layout.manifest_of(name))
            layout.manifest_of(name).write_bytes(encoded(one).replace(b'"store"', b'"elsewhere"'))
        edge.start()
        edge.process.wait_for("is not there")
        s3.appear()
        assert stored(s3, made)


def test_a_node_that_dies_for_ever_in_mid_call_costs_its_last_seconds_and_not_the_call(tmp_path, s3) -> None:
    """Its disk is gone with it. Another node puts together what was copied, and brings it to the store."""
    edge = Edge(tmp_path / "edge", settings=s3.settings(more="copy_every_s = 1"))
    agents = Agents(edge)
    try:
        alice, bob = agents.agent("udp"), agents.agent("udp")
        talkers = agents.talker(), agents.talker()
        call, incoming = connect(alice, bob, talkers[0].offer(), talkers[1].offer())
        talkers[0].start(call.answer.body)
        talkers[1].start(incoming.invite.body)
        talkers[0].wait_received(250)
        edge.kill()
        heard_s = len(talkers[1].received) * 0.02
    finally:
        agents.stop()
        edge.stop()
    (name,) = {Path(path).parts[1] for path in s3.objects("live/")}
    shutil.rmtree(edge.place / "state")
    with Edge(tmp_path / "other", settings=s3.settings(more="copy_every_s = 1")) as other:
        other.command("recordings", "fetch", name, "--into", str(tmp_path / "elsewhere"))
        lone = Recordings(tmp_path / "elsewhere")
        (made,) = lone.manifests()
        assert (made["state"], made["end"], made["call_id"]) == ("recovered", "edge-died", call.invite.call_id)
        packets = packets_of(lone.pcap(made), [one["port"] for one in made["media"]])
        for user, talker in zip(("caller", "callee"), talkers, strict=True):
            (port,) = {one["port"] for one in made["media"] if one["side"] == user}
            sound = sound_to(packets)[port]
            assert_alike(talker.voice[: len(sound)], sound)
            assert len(sound) / 8000 > heard_s - 3
        for path in s3.objects("live/").values():
            os.utime(path, (1000.0, 1000.0))
        found = json.loads(other.command("recordings", "verify", "--repair", "--json"))
        assert [(one["fault"], one["mended"]) for one in found] == [("store-stretches", True)]
    with Edge(tmp_path / "other", settings=s3.settings(more="copy_every_s = 1")) as other:
        assert wait_until(lambda: f"manifests/{name}.json" in s3.objects())
        assert wait_until(lambda: not s3.objects("live/"))
        assert other.command("recordings", "verify") == ""
