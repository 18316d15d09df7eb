"""A recorder that is killed at any moment leaves files that are closed to whole ones, and half a second less."""

import random
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tests.native.captures import read_pcap

from talkpath.store.recordings.capture import digest_of
from talkpath.store.recordings.layout import Layout
from talkpath.store.recordings.manifest import State, read
from talkpath.store.recordings.mending import mend_all
from talkpath.store.recordings.verifying import verify

# Records ten calls for ever, and tells the number of each packet when it was sent to all of them.
PROGRAM = """
import socket, sys, time
from pathlib import Path
from talkpath._native import Recorder, Relay
from talkpath.store.recordings.keeper import Keeper
from talkpath.store.recordings.manifest import Manifest, State, Stored

keeper, relay, recorder = Keeper(Path(sys.argv[1])), Relay(), Recorder(epoch=time.time() - time.monotonic())
keeper.layout.make()
phone = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
phone.bind(("127.0.0.1", 0))
calls = []
for number in range(10):
    name = f"call{number}-{number:016x}"
    port = relay.open("127.0.0.1", 20000, 29999)
    relay.expect(port, rtp=phone.getsockname(), formats=[(8, 8000, "PCMA")])
    recording = recorder.open(keeper.layout.pcap_of(name), "raw")
    relay.tee(port, recording)
    stored = (Stored(where="local", path=f"pcaps/{name}.pcap"),)
    facts = Manifest(name=name, state=State.RECORDING, call_id=name, link_type="raw", started=time.time(),
                     started_by="all", stored=stored)
    book = keeper.begin(facts)
    keeper.describe(book, "offer", "callee", b"v=0\\r\\n", time.time(), 1)
    calls.append(port)
sequence = 0
while True:
    sequence += 1
    for port in calls:
        phone.sendto(bytes([128, 8]) + sequence.to_bytes(2, "big") + bytes(168), (port.host, port.rtp))
    print(sequence, time.time(), flush=True)
    time.sleep(0.005)
"""


@pytest.mark.parametrize("seed", range(5))
def test_killed_at_a_random_moment(tmp_path: Path, seed: int) -> None:
    moment_s = random.Random(seed).uniform(0.1, 1.7)
    command = [sys.executable, "-c", PROGRAM, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as program:
        assert program.stdout is not None
        lines = [program.stdout.readline()]
        end = time.monotonic() + moment_s
        while time.monotonic() < end:
            lines.append(program.stdout.readline())
        program.kill()
        lines += program.stdout.readlines()
    # The last line may have been cut by the kill.
    told = [(int(sequence), float(at)) for sequence, at in map(str.split, lines[:-1])]
    layout = Layout(tmp_path)
    mended = list(mend_all(layout))
    assert len(mended) == 10
    assert list(verify(layout)) == []
    killed_at = told[-1][1]
    for one in mended:
        taken = read_pcap(layout.pcap_of(one.name))
        made = read(layout.manifest_of(one.name))
        assert (made.state, made.packets) == (State.RECOVERED, len(taken))
        assert made.sha256 == digest_of(layout.pcap_of(one.name))
        sequences = [int.from_bytes(packet.data[2:4], "big") for packet in taken]
        assert sequences == list(range(1, len(sequences) + 1)), "without a gap"
        # Half a second, and what a machine that is busy takes to come to it.
        lost = [at for sequence, at in told if sequence > len(sequences)]
        assert killed_at - min(lost, default=killed_at) < 1.0
