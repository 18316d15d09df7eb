"""A carrier as many are built: Kamailio that wants credentials, with SIPp behind it that takes the calls."""

import os
import signal
from pathlib import Path

from harness.network import HOME, free_port
from harness.process import Process, Stoppable, wait_until
from harness.sip import Endpoint
from harness.sipp import Sipp

PASSWORD = "carrier-secret"


class Carrier(Stoppable):
    """See the module. Its accounts all have one password; it can be stopped, hung up and started again."""

    def __init__(
        self, place: Path, *, algorithm: str = "MD5", transport: str = "udp", certificate: Path | None = None
    ) -> None:
        """`certificate`: a file with a chain and its key, for TLS."""
        self.place = place
        self.transport = transport
        self.port = free_port()
        place.mkdir(parents=True, exist_ok=True)
        # Its own choice for media, 6000, may be what somebody else was given.
        self.behind = Sipp("uas_routed", place, "-mp", str(free_port())).listening()
        text = _with_listeners((Path(__file__).parent / "carrier.cfg").read_text(), transport, certificate)
        values = {"ADDRESS": HOME, "BEHIND": self.behind.port, "PORT": self.port, "PASSWORD": PASSWORD}
        values["BESIDE"] = self.port + 1
        for name, value in {**values, "ALGORITHM": algorithm}.items():
            text = text.replace(name, str(value))
        (place / "carrier.cfg").write_text(text)
        self.process = self.start()

    def start(self) -> Process:
        """Start (again), and wait until it answers."""
        argv = ["kamailio", "-DD", "-E", "-m", "64", "-M", "4", "-f", str(self.place / "carrier.cfg")]
        argv += ["-P", str(self.place / "pid"), "-w", str(self.place), "-Y", str(self.place)]
        self.process = Process(argv, self.place / "carrier.log")
        assert wait_until(self._is_there, 30), self.process.text
        return self.process

    def _is_there(self) -> bool:
        try:
            with Endpoint((HOME, 0), (HOME, self.port), self.transport) as probe:
                return probe.ping()
        except OSError:
            return False

    def hang(self) -> None:
        """It takes packets and says nothing, as a machine that is stuck."""
        os.killpg(self.process.pid, signal.SIGSTOP)

    def go_on(self) -> None:
        os.killpg(self.process.pid, signal.SIGCONT)

    def stop(self) -> None:
        self.go_on()
        self.process.stop()
        self.behind.stop()


def _with_listeners(text: str, transport: str, certificate: Path | None) -> str:
    """Over a stream it also has a datagram port, one above, towards who takes the calls."""
    if transport == "udp":
        return text.replace("#LISTEN", "disable_tcp=yes\nlisten=udp:ADDRESS:PORT")
    listen = f"listen={transport}:ADDRESS:PORT\nlisten=udp:ADDRESS:BESIDE"
    if certificate is None:
        return text.replace("#LISTEN", listen)
    values = {"tls_method": "TLSv1.2+", "certificate": certificate, "private_key": certificate}
    tls = 'loadmodule "tls.so"' + "".join(f'\nmodparam("tls", "{name}", "{value}")' for name, value in values.items())
    return text.replace("#LISTEN", f"enable_tls=yes\n{listen}").replace("#TLS", tls)
