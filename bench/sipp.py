"""Runs SIPp with the scenarios of this folder and tells how many calls went well."""

import csv
import subprocess
from dataclasses import dataclass
from pathlib import Path

from bench.processes import wait_until
from bench.servers import is_open

SCENARIOS = Path(__file__).parent / "sipp"
HOST = "127.0.0.1"

NO_BODY = "Content-Length: 0\n"
# PCMU and PCMA at a port where nobody listens: the call is anchored and carries no media.
SDP = """Content-Type: application/sdp
    Content-Length: [len]

    v=0
    o=bench 1 1 IN IP4 [local_ip]
    s=-
    c=IN IP4 [local_ip]
    t=0 0
    m=audio 9 RTP/AVP 0 8
    a=rtpmap:0 PCMU/8000
    a=rtpmap:8 PCMA/8000
"""


@dataclass(frozen=True, slots=True)
class Result:
    """What SIPp counted in one run."""

    good: int
    failed: int
    retransmissions: int


@dataclass(frozen=True, slots=True)
class Load:
    """How many calls or registrations, how many a second, what the messages carry and how long calls are held."""

    count: int
    rate: int
    body: str = NO_BODY
    hold_s: float = 0


class Sipp:
    """SIPp against one server, its files in a directory of the run."""

    def __init__(self, directory: Path, server_port: int, host: str = HOST) -> None:
        self._directory = directory
        self._server = f"{host}:{server_port}"
        self._runs = 0

    def answer(self, port: int, body: str = NO_BODY, scenario: str = "uas") -> subprocess.Popen[bytes]:
        """Start the called phone at a port; it runs until it is terminated."""
        process = _start(self._command(scenario, port, Load(0, 0, body)))
        wait_until(lambda: is_open(port), 5, "SIPp as the called phone")
        return process

    def call(self, port: int, user: str, load: Load) -> "Running":
        """Start making calls to a user."""
        return self._start("uac", port, load, ["-s", user])

    def register(self, port: int, users: list[tuple[str, str]], load: Load, password: str = "") -> "Running":
        """Start registering users, each with its contact `host:port`, in turn and over again."""
        lines = [f"{user};{contact};[authentication username={user} password={password}]" for user, contact in users]
        injected = self._directory / f"users{self._runs}.csv"
        injected.write_text("\n".join(["SEQUENTIAL", *lines]) + "\n")
        return self._start("register_digest" if password else "register", port, load, ["-inf", str(injected)])

    def _start(self, scenario: str, port: int, load: Load, options: list[str]) -> "Running":
        self._runs += 1
        stats = self._directory / f"{scenario}{self._runs}.csv"
        # One statistics line at the end is enough; the limit of open calls shall never slow the rate down.
        counting = ["-trace_stat", "-stf", str(stats), "-fd", "3600", "-l", str(max(10 * load.rate, load.count))]
        amount = ["-m", str(load.count), "-r", str(load.rate)]
        return Running(_start([*self._command(scenario, port, load), *options, *amount, *counting]), stats)

    def _command(self, scenario: str, port: int, load: Load) -> list[str]:
        hold = f'<pause milliseconds="{int(load.hold_s * 1000)}"/>' if load.hold_s else ""
        text = (SCENARIOS / f"{scenario}.xml").read_text().replace("@BODY@", load.body).replace("@HOLD@", hold)
        file = self._directory / f"{scenario}{port}.xml"
        file.write_text(text)
        own = ["-i", HOST, "-p", str(port), "-nostdin", "-timeout", "300s", "-recv_timeout", "90000"]
        # A large receive buffer, so that what is measured is the server and not what SIPp drops.
        return ["sipp", self._server, "-sf", str(file), *own, "-buff_size", "8388608"]


@dataclass(frozen=True, slots=True)
class Running:
    """Calls or registrations that are being made."""

    process: subprocess.Popen[bytes]
    stats: Path

    def result(self) -> Result:
        """Wait for all of them."""
        self.process.wait()
        return _counted(self.stats)


def _start(command: list[str]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def _counted(stats: Path) -> Result:
    with stats.open() as file:
        row = list(csv.DictReader(file, delimiter=";"))[-1]
    return Result(int(row["SuccessfulCall(C)"]), int(row["FailedCall(C)"]), int(row["Retransmissions(C)"]))
