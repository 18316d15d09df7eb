"""rtpengine and talkpath record the same phones; their files are the same, but for what each of them knows alone."""

import re
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from bench.relay import BridgingRtpengine

from harness.network import free_port
from harness.process import wait_until
from talkpath._native import Recorder, Relay
from talkpath.store.recordings.keeper import Keeper
from talkpath.store.recordings.layout import name_of
from talkpath.store.recordings.manifest import Manifest, State

pytestmark = pytest.mark.live

HOST = "127.0.0.2"
CALL_ID = "bench-1"


@pytest.fixture
def phones() -> Iterator[list[socket.socket]]:
    made = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2)]
    for one in made:
        one.bind((HOST, free_port()))
    yield made
    for one in made:
        one.close()


def say(phones: list[socket.socket], ports: tuple[int, int]) -> None:
    """Five packets each way, one after the other."""
    for number in range(5):
        packet = bytes([0x80, 8, 0, number]) + (number * 160).to_bytes(4, "big") + b"\1\2\3\4" + b"\xd5" * 160
        for phone, port in zip(phones, ports, strict=True):
            phone.sendto(packet, ("127.0.0.1", port))
            time.sleep(0.01)


def theirs(place: Path, phones: list[socket.socket], link_type: str) -> tuple[bytes, str]:
    """What rtpengine wrote: the pcap and the metadata."""
    server = BridgingRtpengine(recordings=place, more=[f"--recording-format={link_type}"])
    try:
        say(phones, server.bridge(*(phone.getsockname()[1] for phone in phones)))
        server.ask({"command": "stop recording", "call-id": CALL_ID, "from-tag": "a"})
        assert wait_until(lambda: any((place / "metadata").iterdir()), 10)
    finally:
        server.stop()
    (pcap,), (text,) = (list((place / folder).iterdir()) for folder in ("pcaps", "metadata"))
    return pcap.read_bytes(), text.read_text()


def ours(place: Path, phones: list[socket.socket], link_type: str) -> tuple[bytes, str]:
    """What talkpath wrote of the same."""
    relay, recorder, keeper = Relay(), Recorder(epoch=time.time() - time.monotonic()), Keeper(place)
    keeper.layout.make()
    name = name_of(CALL_ID, "0123456789abcdef")
    now = time.time()
    facts = Manifest(
        name=name,
        state=State.RECORDING,
        call_id=CALL_ID,
        link_type=link_type,
        started=now,
        started_by="all",
        ended=now,
    )
    recording = recorder.open(keeper.layout.pcap_of(name), "raw" if link_type == "raw" else "ethernet")
    ports = [relay.open("127.0.0.1", 20000, 29999) for _ in phones]
    for port, phone in zip(ports, phones, strict=True):
        relay.expect(port, rtp=phone.getsockname(), formats=[(8, 8000, "PCMA")])
        relay.tee(port, recording)
    book = keeper.begin(facts)
    for mode, port in (("offer", ports[1]), ("answer", ports[0])):
        sdp = (
            f"v=0\r\no=- 1 1 IN IP4 {HOST}\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio {port.rtp} RTP/AVP 8\r\n"
        )
        sdp += f"a=rtpmap:8 PCMA/8000\r\na=sendrecv\r\na=rtcp:{port.rtcp}\r\n"
        keeper.describe(book, mode, "callee", sdp.encode(), time.time(), recording.packets + 1)
    say(phones, (ports[0].rtp, ports[1].rtp))
    assert wait_until(lambda: recording.packets == 10, 10)
    recorder.shutdown()
    keeper.finish(book, facts)
    assert keeper.flush()
    keeper.close()
    relay.shutdown()
    (text,) = (place / "metadata").iterdir()
    return keeper.layout.pcap_of(name).read_bytes(), text.read_text()


def timeless(raw: bytes, link_type: str) -> bytes:
    """A pcap without its times and our ports, which nobody can foretell."""
    made, head = bytearray(raw), 24
    while head < len(made):
        made[head : head + 8] = bytes(8)
        udp = head + 16 + 20 + (14 if link_type == "eth" else 0)
        made[udp + 2 : udp + 4] = bytes(2)
        head += 16 + int.from_bytes(made[head + 8 : head + 12], "little")
    return bytes(made)


def shape(text: str) -> str:
    """Metadata with what differs from call to call made the same."""
    text = re.sub(r"^/.*/([^/]+)-[0-9a-f]{16}\.pcap", r"PLACE/\1-HEX.pcap", text)
    text = re.sub(r"\d{13}\.\d{3}|\b0\.000\b", "MS", text)
    text = re.sub(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d", "TIME", text)
    return re.sub(r"(m=audio |a=rtcp:)\d+", r"\1PORT", text).partition("\n\n\ntalkpath=")[0].rstrip()


@pytest.mark.parametrize("link_type", ["raw", "eth"])
def test_the_files_are_the_same(request, tmp_path, phones, link_type: str) -> None:
    if request.config.getoption("--edge") == "reference":
        pytest.skip("about our recordings")
    places = [tmp_path / "theirs", tmp_path / "ours"]
    for place in places:
        place.mkdir()
    their_pcap, their_text = theirs(places[0], phones, link_type)
    our_pcap, our_text = ours(places[1], phones, link_type)
    assert timeless(our_pcap, link_type) == timeless(their_pcap, link_type)
    assert shape(our_text) == shape(their_text)
    # And a tool that is neither's reads both.
    for place in places:
        (pcap,) = (place / "pcaps").iterdir()
        done = subprocess.run(["capinfos", "-c", "-M", str(pcap)], capture_output=True, text=True, check=True)
        assert re.search(r"packets:\s+10\b", done.stdout)
