"""tshark as the judge of what the edge writes: every SIP packet of a run is decoded, none may be malformed."""

import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path

from harness.edge import Doors
from harness.process import Process
from harness.strangers import GARBAGE_TO


class Wire:
    """Captures what passes the doors of an edge on loopback (the traffic of all local addresses)."""

    def __init__(self, doors: Doors, place: Path) -> None:
        self._doors = doors
        self.file = place / "sip.pcap"
        ports = " or ".join(f"port {port}" for port in sorted({doors.udp, doors.tcp, doors.ws}) if port)
        argv = ["dumpcap", "-q", "-i", "lo", "-B", "16", "-f", ports, "-w", str(self.file)]
        self._process = Process(argv, place / "dumpcap.log")
        self._process.wait_for("File: ")

    def stop(self) -> None:
        self._process.stop(signal.SIGINT)

    def complaints(self) -> list[str]:
        """Packets the edge sent that tshark calls malformed or wrong, each with tshark's reason.

        A refusal of garbage has to repeat its fields, so those to the addressee of our garbage do not count.
        """
        ours = " or ".join(f"{kind}.srcport == {port}" for kind, port in self._plain())
        wrong = "_ws.malformed or _ws.expert.severity == error"
        return self.read(f'({ours}) and ({wrong}) and not frame contains "{GARBAGE_TO}"')

    def read(self, display_filter: str, fields: Sequence[str] = ()) -> list[str]:
        """One line for each packet that passes the filter."""
        decode = [item for kind, port in self._plain() for item in ("-d", f"{kind}.port=={port},{self._name(port)}")]
        show = ["-T", "fields", *(item for name in fields for item in ("-e", name))] if fields else []
        reason = ["-T", "fields", "-e", "frame.number", "-e", "_ws.col.Info", "-e", "_ws.expert.message"]
        argv = ["tshark", "-r", str(self.file), "-Y", display_filter, *decode, *(show or reason)]
        done = subprocess.run(argv, capture_output=True, text=True, timeout=120, check=True)
        return done.stdout.splitlines()

    def _plain(self) -> list[tuple[str, int]]:
        """The doors behind which nothing is encrypted."""
        doors = [("udp", self._doors.udp), ("tcp", self._doors.tcp), ("tcp", self._doors.ws)]
        return [(kind, port) for kind, port in doors if port]

    def _name(self, port: int) -> str:
        return "http" if port == self._doors.ws else "sip"
