"""Recordings as other tools read them: tshark for the packets, the numbers of G.711 for their sound."""

import json
import subprocess
from collections import defaultdict
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from harness.sound import Samples


class Packet(NamedTuple):
    """One RTP packet of a capture."""

    at: float
    source: str
    port: int
    payload_type: int
    sequence: int
    payload: bytes


def packets_of(pcap: Path, ports: list[int]) -> list[Packet]:
    """The RTP packets to these ports of ours, as tshark reads them."""
    decode = [word for port in ports for word in ("-d", f"udp.port=={port},rtp")]
    wanted = ["frame.time_epoch", "ip.src", "udp.dstport", "rtp.p_type", "rtp.seq", "rtp.payload"]
    fields = [word for name in wanted for word in ("-e", name)]
    argv = ["tshark", "-n", "-r", str(pcap), *decode, "-Y", "rtp", "-T", "fields", *fields]
    lines = subprocess.run(argv, capture_output=True, text=True, check=True, timeout=60).stdout.splitlines()
    rows = [line.split("\t") for line in lines]
    return [
        Packet(float(row[0]), row[1], int(row[2]), int(row[3]), int(row[4]), bytes.fromhex(row[5].replace(":", "")))
        for row in rows
        if row[5]
    ]


def sound_to(packets: list[Packet], payload_type: int = 8) -> dict[int, Samples]:
    """What came to each of our ports in PCMA, in the order of its sequence numbers."""
    by_port = defaultdict[int, list[Packet]](list)
    for packet in packets:
        if packet.payload_type == payload_type:
            by_port[packet.port].append(packet)
    return {
        port: _A_LAW[np.frombuffer(b"".join(one.payload for one in some), np.uint8)] for port, some in by_port.items()
    }


def _a_law() -> Samples:
    """ITU-T G.711 table 1a, as shares of full scale."""
    code = np.arange(256) ^ 0x55
    exponent, mantissa = code >> 4 & 7, code & 15
    size = np.where(exponent == 0, 2 * mantissa + 1, (2 * mantissa + 33) << np.maximum(exponent - 1, 0))
    made: Samples = np.where(code & 0x80, 1, -1) * size / 4096
    return made


_A_LAW = _a_law()


class Recordings:
    """The recordings below a directory."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def manifests(self) -> list[dict[str, Any]]:
        """Those that are finished, in the order in which they began."""
        found = [json.loads(path.read_text()) for path in (self.directory / "manifests").glob("*.json")]
        return sorted(found, key=lambda one: float(one["started"]))

    def pcap(self, manifest: dict[str, Any]) -> Path:
        return self.directory / str(manifest["stored"][0]["path"])

    def metadata(self, manifest: dict[str, Any]) -> str:
        return (self.directory / "metadata" / f"rtpengine-meta-{manifest['name']}.txt").read_text()
