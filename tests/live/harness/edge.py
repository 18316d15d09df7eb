"""The edge as a user starts it: the command `talkpath run`, a configuration file, a state directory."""

import itertools
import json
import re
import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.network import HOME, free_port
from harness.process import PeerFailed, Process, Stoppable, wait_until
from harness.sip import Endpoint

COMMAND = Path(sys.executable).parent / "talkpath"


@dataclass(frozen=True, slots=True)
class Identity:
    """Who a phone is, and the host, port and transport at which it registers."""

    user: str
    password: str
    host: str
    port: int
    transport: str = "udp"

    @property
    def authority(self) -> str:
        """host:port, with the brackets that IPv6 wants."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def aor(self) -> str:
        return f"sip:{self.user}@{self.authority}"

    @property
    def registrar(self) -> str:
        return f"sip:{self.authority};transport={self.transport}"

    def uri_of(self, user: str) -> str:
        """How this phone dials another user of its registrar."""
        return f"sip:{user}@{self.authority};transport={self.transport}"


@dataclass(frozen=True, slots=True)
class Doors:
    """The ports on which an edge listens, by transport."""

    udp: int
    tcp: int
    tls: int
    ws: int
    wss: int

    def of(self, transport: str) -> int:
        return int(getattr(self, transport))


def free_doors() -> Doors:
    """Ports that nobody used in this process."""
    first, second = free_port(), free_port()
    return Doors(udp=first, tcp=first, tls=first + 1, ws=second, wss=second + 1)


class Edge(Stoppable):
    """One `talkpath run`: users `user100` and on are in its configuration, so that no test shares one."""

    is_reference = False

    def __init__(
        self,
        place: Path,
        *,
        host: str = HOME,
        settings: str = "",
        media: str = "",
        users: int = 600,
        advertised: str = "",
        under: Sequence[str] = (),
        doors: Doors | None = None,
    ) -> None:
        self.place = place
        self.host = host
        self._users = users
        self._under = under
        self._advertised = advertised
        self.doors = doors or free_doors()
        self.metrics = free_port()
        self._numbers = itertools.count(100)
        place.mkdir(parents=True, exist_ok=True)
        self.config = place / "talkpath.toml"
        self.config.write_text(self._settings(settings, media, users))
        self.process = self.start()

    def start(self) -> Process:
        """Start (again) with the same configuration and state, and wait until it says where to connect."""
        argv = [*self._under, str(COMMAND), "run", "--config", str(self.config), "--state", str(self.place / "state")]
        self.process = Process(argv, self.place / "log", env={"LC_ALL": "C.UTF-8"}, is_prompt=True).ready("Ctrl-C")
        return self.process

    def ready_accounts(self) -> dict[str, str]:
        """User and password of the accounts it shows when it starts."""
        return dict(re.findall(r"(?m)^\s*(100[12])\b.*?(\S+)\s*$", self.process.text))

    def identity(self, transport: str = "udp", host: str | None = None) -> Identity:
        """A user nobody has had yet."""
        number = next(self._numbers)
        if number >= 100 + self._users:
            raise AssertionError("more users wanted than are configured")
        return Identity(f"user{number}", f"pass{number}", host or self.host, self.doors.of(transport), transport)

    def calls(self, *selectors: str) -> Any:
        """What `talkpath calls --json` says of the running and past calls, or of one."""
        return json.loads(self.command("calls", *selectors, "--json"))

    def command(self, name: str, *rest: str, failing: bool = False) -> str:
        """The standard output of another talkpath command about this edge; with `failing` one that reports errors."""
        where = ["--config", str(self.config), "--state", str(self.place / "state")]
        done = subprocess.run(
            [str(COMMAND), name, *rest, *where], capture_output=True, text=True, timeout=60, check=False
        )
        if done.returncode != int(failing):
            raise PeerFailed(f"talkpath {name} ends with {done.returncode}: {done.stderr}{done.stdout}")
        return done.stdout

    def kill(self) -> None:
        """As by a power cut."""
        self.process.send(signal.SIGKILL)
        self.process.wait_ended()

    def stop(self) -> None:
        self.process.stop(patience_s=40)

    def complaints(self) -> list[str]:
        """Lines of its output that only a defect prints."""
        words = ("Traceback", "panicked", "never retrieved", "never awaited", "ResourceWarning")
        return [line for line in self.process.text.splitlines() if any(word in line for word in words)]

    def _settings(self, settings: str, media: str, users: int) -> str:
        named = f'advertised = "{self._advertised}"\n' if self._advertised else ""
        listeners = "".join(
            f'[[listeners]]\ntransport = "{name.upper()}"\nport = {self.doors.of(name)}\n{named}'
            for name in ("udp", "tcp", "tls", "ws", "wss")
        )
        accounts = "".join(
            f'[[accounts]]\nuser = "user{number}"\npassword = "pass{number}"\n' for number in range(100, 100 + users)
        )
        return f'{settings}\n[metrics]\nlisten = "127.0.0.1:{self.metrics}"\n[media]\n{media}\n{listeners}{accounts}'


def usage(pid: int) -> "Usage":
    """What the process and its children hold and have used."""
    pids = [pid, *_children(pid)]
    ticks = resident = files = 0
    for each in pids:
        try:
            fields = Path(f"/proc/{each}/stat").read_text().rsplit(")", 1)[1].split()
            files += len(list(Path(f"/proc/{each}/fd").iterdir()))
        except FileNotFoundError:
            continue
        ticks += int(fields[11]) + int(fields[12])
        resident += int(fields[21]) * 4096
    return Usage(cpu_s=ticks / 100, resident_mib=resident / 2**20, files=files)


@dataclass(frozen=True, slots=True)
class Usage:
    """CPU seconds (user and system) since the start, resident memory, open files."""

    cpu_s: float
    resident_mib: float
    files: int


def _children(pid: int) -> Sequence[int]:
    text = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    return [int(word) for word in text.split()]


def answers(doors: Doors, host: str, timeout_s: float = 20.0) -> bool:
    """Whether a SIP OPTIONS to the UDP port is answered by anything within the time."""
    with Endpoint((host, 0), (host, doors.udp)) as probe:
        return wait_until(probe.ping, timeout_s)
