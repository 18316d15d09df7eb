"""talkpath's media engine alone, as `bench/relay.py`, `bench/kernel.py` and `bench/transcode.py` drive it.

A line with a host and the ports of two phones in, a line of two ports out; the codecs of the phones may follow.
With a directory, every call is recorded there.
"""

import argparse
import asyncio
import sys
from pathlib import Path

import uvloop

from talkpath._native import Recorder, Relay

FORMATS = {
    "PCMU": (0, 8000, "PCMU"),
    "PCMA": (8, 8000, "PCMA"),
    "G722": (9, 8000, "G722"),
    "opus": (111, 48_000, "opus"),
}


async def main() -> None:
    """Serve until the input ends. Meters are taken once a second, as the edge takes them."""
    options = argparse.ArgumentParser()
    options.add_argument("--workers", type=int, default=1)
    options.add_argument("--kernel", action="store_true")
    options.add_argument("--host", default="127.0.0.1")
    options.add_argument("--recordings", type=Path)
    chosen = options.parse_args()
    relay = Relay(workers=chosen.workers, kernel=chosen.kernel)
    if chosen.kernel and relay.kernel is not None:
        raise SystemExit(f"nothing passes in the kernel here: {relay.kernel}")
    recorder = Recorder() if chosen.recordings else None
    loop = asyncio.get_running_loop()
    loop.add_reader(relay.fileno(), relay.events)
    metering = loop.create_task(_take_meters(relay))
    reader = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := (await reader.readline()).decode():
        print(_bridge(relay, recorder, chosen, line.split()) if line != "ready\n" else "ready", flush=True)
    metering.cancel()
    relay.shutdown()
    if recorder is not None:
        recorder.shutdown()


def _bridge(relay: Relay, recorder: Recorder | None, chosen: argparse.Namespace, words: list[str]) -> str:
    host, *phones = words[:3]
    codecs = words[3:] or ["PCMA", "PCMA"]
    ports = [relay.open(chosen.host, 50_000, 59_999) for _ in phones]
    for port, phone, codec in zip(ports, phones, codecs, strict=True):
        relay.expect(port, rtp=(host, int(phone)), formats=[FORMATS[codec]])
        relay.watch(port, 60.0)
    if recorder is not None:
        recording = recorder.open(chosen.recordings / f"{ports[0].id}.pcap", "raw")
        for port in ports:
            relay.tee(port, recording)
    if codecs[0] != codecs[1]:
        for port, own, other in zip(ports, codecs, reversed(codecs), strict=True):
            number, _, name = FORMATS[other]
            relay.transcode(port, [(*FORMATS[own], None)], number, name)
    relay.route(ports[0], ports[1])
    relay.route(ports[1], ports[0])
    return " ".join(str(port.rtp) for port in ports)


async def _take_meters(relay: Relay) -> None:
    """As `net/media.py` does: in twenty portions a second, and the row of each stream."""
    part = 0
    while True:
        await asyncio.sleep(0.05)
        part = (part + 1) % 20
        for second in relay.meters(part=part, parts=20):
            _ = second.row


if __name__ == "__main__":
    uvloop.run(main())
