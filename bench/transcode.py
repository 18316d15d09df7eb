"""Transcoding: CPU time of the server for each packet that came out in the other codec, talkpath's engine against
rtpengine, each pair of codecs by itself.

One phone of each call speaks, the other only listens: a voice of harmonics in syllables, 50 packets a second.
"""

import itertools
import select
import shutil
import socket
import struct
import sys
import time
from collections.abc import Callable
from fractions import Fraction

import av
import numpy as np

from bench.processes import cpu_s
from bench.relay import PHONES, RTPMAPS, BridgingRtpengine, Server, Talkpath

CALLS = 20
SECONDS = 6
PACKET_S = 0.02
#: RTP clock, rate of the samples, encoder of PyAV
ENCODERS = {
    "PCMU": (8000, 8000, "pcm_mulaw"),
    "PCMA": (8000, 8000, "pcm_alaw"),
    "G722": (8000, 16_000, "g722"),
    "opus": (48_000, 48_000, "libopus"),
}


def payloads(codec: str) -> list[bytes]:
    """Two seconds of the voice."""
    _, rate, name = ENCODERS[codec]
    encoder = av.CodecContext.create(name, "w")
    assert isinstance(encoder, av.AudioCodecContext)
    encoder.sample_rate, encoder.format, encoder.layout = rate, "s16", "mono"
    if codec == "opus":
        encoder.bit_rate, encoder.options = 32_000, {"application": "voip"}
    at = np.arange(2 * rate) / rate
    pitch = 2 * np.pi * np.cumsum(120 + 20 * np.sin(2 * np.pi * 1.5 * at)) / rate
    voice = sum(np.sin(n * pitch) / n for n in range(1, 28)) * (0.1 + np.sin(2 * np.pi * 2 * at) ** 2)
    samples = (6000 * voice).astype(np.int16)
    made = []
    for start in range(0, len(samples), rate // 50):
        frame = av.AudioFrame.from_ndarray(samples[None, start : start + rate // 50], "s16", "mono")
        frame.sample_rate, frame.pts, frame.time_base = rate, start, Fraction(1, rate)
        made += [bytes(packet) for packet in encoder.encode(frame)]
    return made


def measure(server: Server, codecs: tuple[str, str]) -> tuple[float, int]:
    """Microseconds of CPU for each packet that came out, and how many that were."""
    phones = [_socket() for _ in range(2 * CALLS)]
    ports = [phone.getsockname()[1] for phone in phones]
    targets = [server.bridge(*pair, codecs)[0] for pair in zip(ports[::2], ports[1::2], strict=True)]
    for phone, target in zip(phones[::2], targets, strict=True):
        phone.connect(("127.0.0.1", target))
    before = cpu_s(server.pid)
    heard = _talk(phones, codecs[0])
    used = cpu_s(server.pid) - before
    for phone in phones:
        phone.close()
    return used * 1e6 / max(heard, 1), heard


def _socket() -> socket.socket:
    made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    made.bind((PHONES, 0))
    made.setblocking(False)
    return made


def _talk(phones: list[socket.socket], codec: str) -> int:
    """Speak on every second socket; count what comes to the others."""
    said, number, clock = payloads(codec), int(RTPMAPS[codec].split()[0]), ENCODERS[codec][0]
    heard, start = 0, time.monotonic()
    for sequence in range(int(SECONDS / PACKET_S)):
        for source, phone in enumerate(phones[::2]):
            header = struct.pack("!BBHII", 0x80, number, sequence, sequence * clock // 50, source + 1)
            phone.send(header + said[sequence % len(said)])
        due = start + (sequence + 1) * PACKET_S
        while (left := due - time.monotonic()) > 0:
            ready, _, _ = select.select(phones[1::2], [], [], left)
            heard += sum(len(phone.recv(4096)) > 12 for phone in ready)
    return heard


def main() -> None:
    """Measure both, pair by pair, and print the table as Markdown."""
    if shutil.which("rtpengine") is None:
        raise SystemExit("rtpengine is missing: run tests/live/install-peers and try again")
    print("| from | to | rtpengine us/packet | talkpath us/packet | ratio | rtpengine out | talkpath out |")
    print("| --- | --- | ---: | ---: | ---: | ---: | ---: |")
    for codecs in [("PCMA", "PCMA"), *itertools.permutations(ENCODERS, 2)]:
        theirs, ours = _measured(BridgingRtpengine, codecs), _measured(Talkpath, codecs)
        print(
            f"| {codecs[0]} | {codecs[1]} | {theirs[0]:.1f} | {ours[0]:.1f} | {ours[0] / theirs[0]:.2f} "
            f"| {theirs[1]} | {ours[1]} |",
            flush=True,
        )


def _measured(start: Callable[[], Server], codecs: tuple[str, str]) -> tuple[float, int]:
    print(f"  measuring {codecs[0]} to {codecs[1]}", file=sys.stderr)
    server = start()
    try:
        return measure(server, codecs)
    finally:
        server.stop()


if __name__ == "__main__":
    main()
