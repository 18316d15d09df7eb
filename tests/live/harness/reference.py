"""Debian's Kamailio with rtpengine behind the same face as our edge: keeps the tests honest about the peers."""

import itertools
from pathlib import Path

from harness.edge import Doors, Identity, answers
from harness.network import HOME, free_port, run
from harness.process import Process, Stoppable

PASSWORD = "reference"


class Reference(Stoppable):
    """Kamailio 5.6 and rtpengine, userspace; every user registers with one password."""

    is_reference = True

    def __init__(self, place: Path, *, host: str = HOME, algorithm: str = "MD5") -> None:
        self.place = place
        self.host = host
        port = free_port()
        self.doors = Doors(udp=port, tcp=port, tls=port + 1, ws=0, wss=0)
        self._numbers = itertools.count(100)
        control = free_port()
        place.mkdir(parents=True, exist_ok=True)
        subject = f"-subj /CN={host} -keyout {place}/key.pem -out {place}/cert.pem"
        run(f"openssl req -x509 -newkey rsa:2048 -nodes -days 2 {subject}")
        self._write_config({"ADDRESS": host, "NGPORT": control, "ALGORITHM": algorithm})
        self._media = Process(
            [
                "rtpengine", "--config-file=none", "--table=-1", f"--interface={host}",
                f"--listen-ng=127.0.0.1:{control}", "--foreground", "--log-stderr", "--log-level=6",
                "--port-min=30000", "--port-max=39999", "--num-threads=2", "--timeout=4", "--silent-timeout=600",
            ],
            place / "rtpengine.log",
        )  # fmt: skip
        self._media.wait_for("Startup complete")
        self.process = Process(
            [
                "kamailio", "-DD", "-E", "-m", "256", "-M", "8", "-x", "fm", "-f", str(place / "kamailio.cfg"),
                "-P", str(place / "pid"), "-w", str(place), "-Y", str(place),
            ],
            place / "kamailio.log",
        )  # fmt: skip
        assert answers(self.doors, host), self.process.text

    def identity(self, transport: str = "udp", host: str | None = None) -> Identity:
        """A user nobody has had yet."""
        user = f"user{next(self._numbers)}"
        return Identity(user, PASSWORD, host or self.host, self.doors.of(transport), transport)

    def complaints(self) -> list[str]:
        return []

    def stop(self) -> None:
        self.process.stop()
        self._media.stop()

    def _write_config(self, values: dict[str, object]) -> None:
        text = (Path(__file__).parent / "kamailio.cfg").read_text()
        all_values = {
            **values, "TLSPORT": self.doors.tls, "PORT": self.doors.udp, "PLACE": self.place, "PASSWORD": PASSWORD,
        }  # fmt: skip
        for name, value in all_values.items():
            text = text.replace(name, str(value))
        (self.place / "kamailio.cfg").write_text(text)
