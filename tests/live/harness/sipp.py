"""SIPp: load, and the scenarios it has built in or is given as XML."""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from harness.network import HOME, free_port
from harness.process import PeerFailed, Process, Stoppable, wait_until

SCENARIOS = Path(__file__).parent.parent / "sipp"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What SIPp counted when it ended; `seconds` is its own run time."""

    succeeded: int
    failed: int
    retransmissions: int
    unexpected: int
    seconds: float


class Sipp(Stoppable):
    """One SIPp. `scenario` is a built-in name (uac, uas) or a file of tests/live/sipp."""

    def __init__(
        self,
        scenario: str,
        place: Path,
        *options: str,
        remote: str = "",
        calls: int = 0,
        rate: int = 0,
        port: int = 0,
        host: str = HOME,
        transport: str = "u1",
        namespace: str | None = None,
    ) -> None:
        self.port = port or free_port()
        place.mkdir(parents=True, exist_ok=True)
        self._statistics = place / f"{scenario}.csv"
        self._errors = place / f"{scenario}.errors"
        which = ["-sf", str(SCENARIOS / f"{scenario}.xml")] if self._is_file(scenario) else ["-sn", scenario]
        argv = ["sipp", *which, "-i", host, "-p", str(self.port), "-t", transport, "-nostdin"]
        argv += ["-trace_stat", "-stf", str(self._statistics), "-fd", "1"]
        argv += ["-trace_err", "-error_file", str(self._errors)]
        argv += ["-m", str(calls)] if calls else []
        argv += ["-r", str(rate), "-l", str(max(3 * rate, 500))] if rate else []
        argv += [*options, *([remote] if remote else [])]
        self.process = Process(argv, place / f"{scenario}.log", cwd=place, namespace=namespace)

    def listening(self) -> Self:
        """Itself, once its UDP port is open (in this network)."""
        opened = f":{self.port:04X} "
        if not wait_until(lambda: opened in Path("/proc/thread-self/net/udp").read_text()):
            raise PeerFailed(f"sipp does not listen:\n{self.process.text[-1500:]}")
        return self

    def wait(self, timeout_s: float = 60.0) -> Outcome:
        """Its counts, once it has ended by itself (it was given a number of calls)."""
        status = self.process.wait_ended(timeout_s)
        outcome = self.outcome()
        if status not in (0, 1):
            raise PeerFailed(f"sipp ended with {status}:\n{self.process.text[-1500:]}\n{self.errors}")
        return outcome

    def outcome(self) -> Outcome:
        """The last line of its statistics."""
        with self._statistics.open(newline="") as file:
            rows = list(csv.DictReader(file, delimiter=";"))
        last = rows[-1]
        return Outcome(
            succeeded=int(last["SuccessfulCall(C)"]),
            failed=int(last["FailedCall(C)"]),
            retransmissions=int(last["Retransmissions(C)"]),
            unexpected=int(last["FailedUnexpectedMessage(C)"]),
            seconds=len(rows),
        )

    def calls_so_far(self) -> int:
        """Calls that have ended by the last line of its statistics."""
        if not self._statistics.exists() or self._statistics.read_text().count("\n") < 2:
            return 0
        outcome = self.outcome()
        return outcome.succeeded + outcome.failed

    @property
    def errors(self) -> str:
        """The first messages it did not expect, for the failure text."""
        return self._errors.read_text(errors="replace")[:2500] if self._errors.exists() else ""

    def stop(self) -> None:
        self.process.stop()

    @staticmethod
    def _is_file(scenario: str) -> bool:
        return (SCENARIOS / f"{scenario}.xml").exists()


def write_injection(path: Path, rows: Sequence[Sequence[str]]) -> Path:
    """A file for -inf: one line a call, used in order."""
    lines = ["SEQUENTIAL", *(";".join(row) + ";" for row in rows)]
    path.write_text("\n".join(lines) + "\n")
    return path
