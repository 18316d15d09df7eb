"""Calls of real phones are recorded; what stands in the files is what they said, opened, and tshark reads it."""

import hashlib
import json
import os
import shutil
import subprocess
import wave
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from conftest import Phones, WebPhones
from harness.edge import Edge
from harness.process import PeerFailed, wait_until
from harness.recorded import Recordings, packets_of, sound_to
from harness.sound import Samples, assert_alike, assert_tone, read, resampled, tone, tone_share, trimmed, write
from harness.talk import assert_both_hear, begin, end, listen

pytestmark = pytest.mark.live


@pytest.fixture
def own_edge(request, tmp_path):
    """An edge for one test that records all calls."""
    if request.config.getoption("--edge") == "reference":
        pytest.skip("about our recordings")
    settings = getattr(request, "param", '[recording]\ncalls = "all"\n')
    with Edge(tmp_path / "edge", settings=settings) as edge:
        yield edge
        assert not edge.complaints()


@pytest.fixture
def recordings(own_edge) -> Recordings:
    return Recordings(own_edge.place / "state" / "recordings")


def only(recordings: Recordings) -> dict:
    """The one recording, as soon as it is finished."""
    assert wait_until(lambda: len(recordings.manifests()) == 1, 10)
    return recordings.manifests()[0]


PLAIN = ""
HOW = [PLAIN, ";mediaenc=srtp-mand", ";mediaenc=dtls_srtp"]


@pytest.mark.parametrize("account", HOW)
def test_what_both_said_is_in_the_recording_in_clear(own_edge, own_phones, recordings, account) -> None:
    first, second = own_phones.baresip("udp", account=account), own_phones.baresip("tcp")
    begin(first, second)
    listen(first, second, 3)
    end(first, second)
    made = only(recordings)
    ports = {one["side"]: one["port"] for one in made["media"]}
    packets = packets_of(recordings.pcap(made), list(ports.values()))
    heard = sound_to(packets)
    assert_alike(read(first.voice), heard[ports["caller"]])
    assert_alike(read(second.voice), heard[ports["callee"]])
    times = [packet.at for packet in packets]
    assert all(made["started"] <= at <= made["ended"] for at in times)
    _assert_complete(recordings, made)
    assert (made["end"], made["result"], made["dropped"]) == ("call-ended", "bye", 0)
    parties = {one["side"]: one["user"] for one in made["parties"]}
    assert parties == {"caller": first.identity.user, "callee": second.identity.user}


def _assert_complete(recordings: Recordings, made: dict) -> None:
    """The manifest tells of the file that is there, and the metadata of the descriptions."""
    raw = recordings.pcap(made).read_bytes()
    assert (made["state"], made["bytes"]) == ("complete", len(raw))
    assert made["sha256"] == hashlib.sha256(raw).hexdigest()
    text = recordings.metadata(made)
    assert text.startswith(f"{recordings.pcap(made)}\n\n\nTimestamp started ms: ")
    # A phone that refuses to speak in clear is offered again.
    assert text.count("SDP mode: offer\n") >= text.count("SDP mode: answer\n") == 1
    assert "inline:***" in text or "a=crypto" not in text
    assert os.listdir(recordings.directory / "tmp") == []


@pytest.mark.parametrize("own_edge", [""], indirect=True)
def test_by_hand_a_call_is_recorded_from_its_middle_with_gaps_and_each_start_is_a_file(
    own_edge, own_phones, recordings
) -> None:
    first, second = own_phones.baresip("udp"), own_phones.baresip("tcp")
    begin(first, second)
    listen(first, second, 1)
    (row,) = own_edge.calls()
    call = row["id"]
    own_edge.command("record", "pause", call, failing=True)
    own_edge.command("record", "start", call)
    own_edge.command("record", "start", call, failing=True)
    listen(first, second, 1)
    own_edge.command("record", "pause", call)
    listen(first, second, 2)
    own_edge.command("record", "resume", call)
    listen(first, second, 1)
    own_edge.command("record", "stop", call)
    own_edge.command("record", "start", call)
    listen(first, second, 1)
    end(first, second)
    assert wait_until(lambda: len(recordings.manifests()) == 2, 10)
    made, last = recordings.manifests()
    assert (made["end"], made["started_by"], last["end"]) == ("stopped", "operator", "call-ended")
    (pause,) = made["pauses"]
    times = [packet.at for packet in packets_of(recordings.pcap(made), [one["port"] for one in made["media"]])]
    assert pause["end"] - pause["start"] > 1.5
    assert not any(pause["start"] + 0.1 < at < pause["end"] - 0.1 for at in times)
    assert any(at < pause["start"] for at in times)
    assert any(at > pause["end"] for at in times)
    for one in (made, last):
        _assert_complete(recordings, one)
    text = recordings.metadata(made)
    assert text.count("Recording paused at: ") == text.count("Recording resumed at: ") == 1
    kinds = [one["kind"] for one in own_edge.calls(call)["moments"] if one["kind"].startswith("recording.")]
    assert kinds.count("recording.started") == kinds.count("recording.saved") == 2
    assert [kind for kind in kinds if kind in ("recording.paused", "recording.resumed", "recording.stopped")] == [
        "recording.paused",
        "recording.resumed",
        "recording.stopped",
    ]


def test_an_edge_that_is_killed_leaves_what_it_heard_and_the_next_closes_it(own_edge, own_phones, recordings) -> None:
    first, second = own_phones.baresip("udp"), own_phones.baresip("tcp")
    begin(first, second)
    listen(first, second, 3)
    own_edge.kill()
    own_edge.start()
    made = only(recordings)
    assert (made["state"], made["end"]) == ("recovered", "edge-died")
    heard = sound_to(packets_of(recordings.pcap(made), [one["port"] for one in made["media"]]))
    assert all(len(one) > 2 * 8000 for one in heard.values())
    assert len(heard) == 2
    assert "call end time" in recordings.metadata(made)
    assert made["name"] in own_edge.process.text


def test_pages_with_video_are_heard_in_what_was_recorded_when_they_spoke(
    own_edge, browser, recordings, tmp_path
) -> None:
    """Opus under DTLS, sound and picture on one transport each."""
    pages = WebPhones(own_edge, browser, tmp_path)
    caller, callee = pages.jssip(video=True), pages.jssip(video=True)
    begin(caller, callee)
    listen(caller, callee, 2)
    end(caller, callee)
    pages.stop()
    made = only(recordings)
    own_edge.command("wav", made["name"], "-o", str(tmp_path / "call.wav"))
    with wave.open(str(tmp_path / "call.wav")) as file:
        assert (file.getnchannels(), file.getframerate()) == (2, 48_000)
        sides = np.frombuffer(file.readframes(file.getnframes()), "<i2").reshape(-1, 2).T / 32_768
    spoken_s = made["ended"] - made["answered"]
    assert {one["side"]: one["kind"] for one in made["media"] if one["port"]}.keys() == {"caller", "callee"}
    for page, samples in zip((caller, callee), sides, strict=True):
        assert_tone(page.hertz, resampled(samples, 48_000))
        loud = np.flatnonzero(np.abs(samples) > 0.02) / 48_000
        assert np.diff(loud).max() < 0.1, "no hole"
        assert spoken_s - 1.0 < loud[-1] - loud[0] < spoken_s + 0.2


@pytest.fixture
def small_disk(tmp_path) -> Iterator[Path]:
    """A file system of 160 kB."""
    place = tmp_path / "small"
    place.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=160k", "tmpfs", str(place)], check=True)
    yield place
    subprocess.run(["umount", "--lazy", str(place)], check=True)


def test_a_disk_that_fills_up_costs_the_recording_and_not_the_call(request, tmp_path, small_disk) -> None:
    if request.config.getoption("--edge") == "reference":
        pytest.skip("about our recordings")
    settings = f'[recording]\ncalls = "all"\ndirectory = "{small_disk}"\n'
    with Edge(tmp_path / "edge", settings=settings) as edge:
        phones = Phones(edge, tmp_path)
        first, second = phones.baresip("udp"), phones.baresip("tcp")
        begin(first, second)
        listen(first, second, 10)
        end(first, second)
        assert_both_hear(first, second)
        (row,) = edge.calls()
        assert (row["result"], row["ended_how"]) == ("answered", "bye")
        moments = {one["kind"]: one["text"] for one in edge.calls(row["id"])["moments"]}
        assert "No space left on device" in moments["recording.failing"]
        assert "recording.dropped" in moments
        # There is no room for the manifest, either: it is written as soon as there is.
        pcaps = list((small_disk / "pcaps").iterdir())
        recordings = Recordings(small_disk)
        assert len(pcaps) == 1
        kept = shutil.move(pcaps[0], tmp_path)
        assert wait_until(lambda: len(recordings.manifests()) == 1, 10)
        (made,) = recordings.manifests()
        raw = Path(kept).read_bytes()
        assert made["sha256"] == hashlib.sha256(raw).hexdigest()
        assert made["dropped"] > 0
        assert len(packets_of(Path(kept), [one["port"] for one in made["media"]])) > 100
        assert "missing" in edge.command("recordings", "verify", failing=True)
        phones.stop()
        assert not edge.complaints()


def test_what_was_recorded_is_listed_and_verified_while_the_edge_runs(own_edge, own_phones, recordings) -> None:
    first, second = own_phones.baresip("udp"), own_phones.baresip("tcp")
    begin(first, second)
    listen(first, second, 1)
    own_edge.command("recordings", "verify")
    end(first, second)
    made = only(recordings)
    rows = json.loads(own_edge.command("recordings", "list", "--number", first.identity.user, "--json"))
    assert [row["name"] for row in rows] == [made["name"]]
    assert made["name"] in own_edge.command("recordings", "list")
    recordings.pcap(made).unlink()
    assert own_edge.command("recordings", "verify", failing=True).startswith("missing: ")
    for path in recordings.directory.rglob("*"):
        if path.is_file() and made["name"] in path.name:
            path.unlink()
    assert wait_until(lambda: "never-made: " in _verified(own_edge), 30)


def _verified(edge: Edge) -> str:
    """Its lines, whether or not there are some: what ended just now is not missed yet."""
    try:
        return str(edge.command("recordings", "verify", failing=True))
    except PeerFailed:
        return ""


# Neither that of a phone nor of a page.
NOTICE_HZ, NOTICE_S = 2300, 2.0


@pytest.fixture
def telling_edge(request, tmp_path) -> Iterator[Edge]:
    """An edge that records all calls and says so."""
    if request.config.getoption("--edge") == "reference":
        pytest.skip("about our recordings")
    notice = tmp_path / "notice.wav"
    write(notice, tone(NOTICE_HZ, NOTICE_S), 8000)
    settings = f'[recording]\ncalls = "all"\nannouncement = "{notice}"\n'
    with Edge(tmp_path / "edge", settings=settings) as edge:
        yield edge
        assert not edge.complaints()


def parted(heard: Samples, share: float = 0.8) -> tuple[float, Samples]:
    """How long the announcement was heard, in one piece, and what was heard behind it. It makes out that much of what
    was heard meanwhile."""
    size = 8000 // 10
    windows = [heard[at : at + size] for at in range(0, len(heard) - size, size)]
    is_notice = [np.std(one) > 0.05 and tone_share(one, NOTICE_HZ) > share for one in windows]
    first, count = is_notice.index(True), sum(is_notice)
    last = len(is_notice) - is_notice[::-1].index(True)
    assert last - first <= count + 2, "with a hole"
    return count / 10, heard[(last + 1) * size :]


def _told(edge: Edge, recordings: Recordings, tmp_path: Path) -> None:
    """The story of the call says who heard it, and so does its sound."""
    (row,) = edge.calls()
    moments = {one["kind"]: one["text"] for one in edge.calls(row["id"])["moments"]}
    assert moments["media.announced"] == "The announcement was played to the sides (2.0 s)."
    made = only(recordings)
    edge.command("wav", made["name"], "-o", str(tmp_path / "call.wav"))
    with wave.open(str(tmp_path / "call.wav")) as file:
        rate = file.getframerate()
        sides = np.frombuffer(file.readframes(file.getnframes()), "<i2").reshape(-1, 2).T / 32_768
    for samples in sides:
        # What the side said meanwhile is there too.
        assert NOTICE_S - 0.3 < parted(resampled(samples, rate), share=0.25)[0] < NOTICE_S + 0.3


@pytest.mark.parametrize("account", HOW)
def test_both_are_told_that_they_are_recorded_and_then_hear_each_other(telling_edge, tmp_path, account) -> None:
    phones = Phones(telling_edge, tmp_path)
    first, second = phones.baresip("udp", account=account), phones.baresip("tcp")
    begin(first, second)
    listen(first, second, 5)
    end(first, second)
    for one, other in ((first, second), (second, first)):
        seconds, behind = parted(one.heard())
        assert NOTICE_S - 0.4 < seconds < NOTICE_S + 0.3
        assert len(behind) > 8000
        assert_alike(read(other.voice), behind)
    phones.stop()
    _told(telling_edge, Recordings(telling_edge.place / "state" / "recordings"), tmp_path)


def test_a_page_and_a_phone_are_told_too(telling_edge, browser, tmp_path) -> None:
    """Opus under DTLS, converted for the phone."""
    pages, phones = WebPhones(telling_edge, browser, tmp_path), Phones(telling_edge, tmp_path)
    page, phone = pages.jssip(), phones.baresip("udp")
    begin(page, phone)
    listen(page, phone, 4)
    end(page, phone)
    for one, heard in ((page, phone), (phone, page)):
        seconds, behind = parted(heard.heard())
        assert NOTICE_S - 0.5 < seconds < NOTICE_S + 0.3
        assert len(trimmed(behind)) > 4000
        if one is page:
            assert_tone(page.hertz, behind)
    pages.stop()
    phones.stop()
    _told(telling_edge, Recordings(telling_edge.place / "state" / "recordings"), tmp_path)
