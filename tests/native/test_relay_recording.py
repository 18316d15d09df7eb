"""What a recording has in it: what was heard, opened and not converted, of every section, and nothing else."""

import errno
import resource
import time
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path

import pytest
from tests.native.captures import Taken, read_pcap
from tests.native.rtp_peers import DEADLINE_S, HIGH, LOW, PCMA, Peers, rtcp, rtp, until
from tests.native.test_relay_bundle import Bundle
from tests.native.test_relay_srtp import Bridge, Secured

from talkpath._native import Recorder, RecordingClosed, RecordingFailing, RecordingRecovered, Relay


@pytest.fixture(name="recorder")
def a_recorder() -> Iterator[Recorder]:
    recorder = Recorder(epoch=1_000_000.0)
    yield recorder
    recorder.shutdown()


def closed(recorder: Recorder) -> RecordingClosed:
    """The recording that is closed next."""
    end = time.monotonic() + DEADLINE_S
    while time.monotonic() < end:
        for told in recorder.events():
            if isinstance(told, RecordingClosed):
                return told
        time.sleep(0.002)
    raise AssertionError("it was not closed")


Record = Callable[..., list[Taken]]


@pytest.fixture(name="record")
def recording(recorder: Recorder, relay: Relay, tmp_path: Path) -> Record:
    """Records some ports while something is done, and gives what was taken."""

    def record(ports: list, act: Callable[[], None], link_type: str = "raw") -> list[Taken]:
        made = recorder.open(tmp_path / "a.pcap", link_type)
        for port in ports:
            relay.tee(port, made)
        act()
        made.close()
        end = closed(recorder)
        taken = read_pcap(tmp_path / "a.pcap")
        raw = (tmp_path / "a.pcap").read_bytes()
        assert (end.packets, end.length, end.dropped, end.errno) == (len(taken), len(raw), 0, 0)
        assert end.sha256 == sha256(raw).digest()
        return taken

    return record


@pytest.mark.parametrize("link_type", ["raw", "ethernet"])
def test_both_directions_are_taken_and_rtcp_with_them(relay: Relay, peer: Peers, record: Record, link_type) -> None:
    (one, one_rtcp), other = peer.pair(), peer()
    first, second = (relay.open("127.0.0.1", LOW, HIGH) for _ in range(2))
    relay.expect(first, rtp=one.address, formats=PCMA)
    relay.expect(second, rtp=other.address, formats=PCMA)
    relay.route(first, second)
    relay.route(second, first)

    def talk() -> None:
        one.send(first, rtp(1))
        assert other.receive()[0] == rtp(1)
        other.send(second, rtp(7, ssrc=9))
        assert one.receive()[0] == rtp(7, ssrc=9)
        one_rtcp.send(first, rtcp(), to_rtcp=True)
        until(lambda: relay.totals(first).heard_rtcp == 1)

    before_us = (1_000_000 + time.monotonic()) * 1e6
    taken = record([first, second], talk, link_type)
    assert [one[1:] for one in taken] == [
        (one.address, (first.host, first.rtp), rtp(1)),
        (other.address, (second.host, second.rtp), rtp(7, ssrc=9)),
        (one_rtcp.address, (first.host, first.rtcp), rtcp()),
    ]
    times = [one.at_us for one in taken]
    assert before_us - 1 <= times[0] <= times[1] <= times[2] <= (1_000_000 + time.monotonic()) * 1e6 + 1


def test_srtp_is_taken_in_clear_and_forgeries_and_strangers_not_at_all(
    relay: Relay, peer: Peers, record: Record
) -> None:
    bridge = Bridge(relay, peer, keys := Secured())
    stranger = peer()
    keys.agree(relay, bridge.secured)

    def talk() -> None:
        bridge.browser.send(bridge.secured, rtp(1))
        bridge.browser.send(bridge.secured, keys.sealer.protect(rtp(2))[:-1] + b"x")
        stranger.send(bridge.plain, rtp(3))
        bridge.say(rtp(4))
        assert bridge.phone.receive()[0] == rtp(4)
        bridge.phone.send(bridge.plain, rtp(5))
        assert keys.opener.unprotect(bridge.browser.receive()[0]) == rtp(5)

    assert [one.data for one in record([bridge.secured, bridge.plain], talk)] == [rtp(4), rtp(5)]


def test_every_section_of_a_bundle_is_taken_and_its_rtcp_once(relay: Relay, peer: Peers, record: Record) -> None:
    bundle = Bundle(relay, peer)

    def talk() -> None:
        bundle.say(rtp(1))
        bundle.say(rtp(1, payload_type=96, ssrc=500))
        bundle.audio.receive()
        bundle.video.receive()
        # A report about streams of both sections goes to both.
        bundle.report(report := rtcp(0x1234) + rtcp(500))
        assert {bundle.audio.receive()[0], bundle.video.receive()[0]} == {report}

    taken = record([bundle.first, bundle.second], talk)
    assert [one.data for one in taken] == [rtp(1), rtp(1, payload_type=96, ssrc=500), rtcp(0x1234) + rtcp(500)]
    assert {one.local for one in taken} == {("127.0.0.1", bundle.first.rtp)}


def test_what_nobody_hears_is_taken_all_the_same(relay: Relay, peer: Peers, record: Record) -> None:
    """Early media of a branch that the caller does not hear."""
    phone, port = peer(), relay.open("127.0.0.1", LOW, HIGH)
    relay.expect(port, rtp=phone.address, formats=PCMA)

    def talk() -> None:
        phone.send(port, rtp(1))
        until(lambda: relay.totals(port).heard_packets == 1)

    assert [one.data for one in record([port], talk)] == [rtp(1)]


def test_it_is_taken_before_it_is_converted_with_the_number_that_its_peer_wrote(
    relay: Relay, peer: Peers, record: Record
) -> None:
    phone, other = peer(), peer()
    first, second = (relay.open("127.0.0.1", LOW, HIGH) for _ in range(2))
    relay.expect(first, rtp=phone.address, formats=PCMA)
    relay.expect(second, rtp=other.address, formats=PCMA)
    relay.route(first, second)
    relay.renumber(first, [(99, 8)])
    relay.transcode(first, [(8, 8000, "PCMA", None)], 0, "PCMU")

    def talk() -> None:
        for number in range(3):
            phone.send(first, rtp(number, payload_type=99))
        assert other.receive()[0][1] & 0x7F == 0
        until(lambda: relay.totals(first).heard_packets == 3)

    assert [one.data for one in record([first], talk)] == [rtp(number, payload_type=99) for number in range(3)]


def test_a_pause_is_a_gap_and_the_end_is_the_end(recorder: Recorder, relay: Relay, peer: Peers, tmp_path) -> None:
    phone, port = peer(), relay.open("127.0.0.1", LOW, HIGH)
    relay.expect(port, rtp=phone.address, formats=PCMA)
    made = recorder.open(tmp_path / "a.pcap", "raw")
    relay.tee(port, made)
    for number, act in enumerate([made.pause, made.resume, lambda: relay.tee(port, None), made.close]):
        phone.send(port, rtp(number))
        until(lambda number=number: relay.totals(port).heard_packets == number + 1)
        act()
    assert (made.packets, made.dropped) == (2, 0)
    closed(recorder)
    assert [one.data for one in read_pcap(tmp_path / "a.pcap")] == [rtp(0), rtp(2)]


def test_a_disk_that_is_full_costs_whole_packets_and_what_comes_later_is_kept(
    recorder: Recorder, relay: Relay, peer: Peers, tmp_path: Path
) -> None:
    """A limit of the size of files stands for the disk: writes are short, and then refused."""
    phone, port = peer(), relay.open("127.0.0.1", LOW, HIGH)
    relay.expect(port, rtp=phone.address, formats=PCMA)
    made = recorder.open(tmp_path / "a.pcap", "raw")
    relay.tee(port, made)
    told = list[object]()

    def send(first: int, last: int) -> None:
        for number in range(first, last + 1):
            phone.send(port, rtp(number))
            until(lambda number=number: relay.totals(port).heard_packets == number)

    def heard(kind: type) -> bool:
        told.extend(recorder.events())
        return any(isinstance(one, kind) for one in told)

    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (5_000, hard))
    try:
        send(1, 40)
        until(lambda: heard(RecordingFailing))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    send(41, 50)
    until(lambda: heard(RecordingRecovered))
    made.close()
    until(lambda: heard(RecordingClosed))
    (failing,) = (one for one in told if isinstance(one, RecordingFailing))
    (end,) = (one for one in told if isinstance(one, RecordingClosed))
    taken = [one.data for one in read_pcap(tmp_path / "a.pcap")]
    numbers = [int.from_bytes(data[2:4], "big") for data in taken]
    assert failing.errno == errno.EFBIG
    assert taken == [rtp(number) for number in numbers]
    # 23 packets and the head fit; what came while nothing did is missing, in one piece or more.
    assert numbers == sorted(set(numbers))
    assert numbers[:20] == list(range(1, 21))
    assert numbers[-10:] == list(range(41, 51))
    assert 0 < end.dropped == 50 - len(taken) == recorder.counters()["dropped"]
    assert (end.errno, end.length) == (0, (tmp_path / "a.pcap").stat().st_size)
    assert end.sha256 == sha256((tmp_path / "a.pcap").read_bytes()).digest()
