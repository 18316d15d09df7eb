"""nats-server with JetStream, Debian's and a current one: alone, or three that hold each record together."""

import shutil
import signal
import sys
from pathlib import Path

from harness.network import HOME, free_port
from harness.process import Process, Stoppable

DEBIANS = Path(shutil.which("nats-server") or "/usr/sbin/nats-server")
CURRENT = Path(sys.executable).parent / "nats-server"


class Nats(Stoppable):
    """Servers over directories of their own."""

    def __init__(
        self, place: Path, command: Path = CURRENT, count: int = 1, *, options: str = "jetstream", more: str = ""
    ) -> None:
        """`more`: lines of its configuration."""
        self._place = place
        self._more = more
        self._command = command
        self._options = options
        self.ports = [free_port() for _ in range(count)]
        self._routes = [free_port() for _ in range(count)]
        self.servers = [self._start(number) for number in range(count)]

    def _start(self, number: int) -> Process:
        store = self._place / f"nats{number}"
        store.mkdir(parents=True, exist_ok=True)
        storage = f'jetstream {{ store_dir: "{store}" }}\n' if self._options == "jetstream" else ""
        text = f'server_name: n{number}\nlisten: "{HOME}:{self.ports[number]}"\n{storage}{self._more}'
        if len(self.ports) > 1:
            routes = ", ".join(f'"nats://{HOME}:{port}"' for port in self._routes)
            text += f'cluster {{ name: tests, listen: "{HOME}:{self._routes[number]}", routes: [{routes}] }}\n'
        config = store.with_suffix(".conf")
        config.write_text(text)
        return Process([str(self._command), "-c", str(config)], store.with_suffix(".log")).ready("Server is ready")

    def settings(self, node: str, secret: str = "a secret of the tests") -> str:
        """What an edge is told of it."""
        urls = ", ".join(f'"nats://{HOME}:{port}"' for port in self.ports)
        return f'[cluster]\nname = "tests"\nnode = "{node}"\nurls = [{urls}]\nsecret = "{secret}"\n'

    def kill(self, number: int) -> None:
        """As by a power cut."""
        self.servers[number].send(signal.SIGKILL)
        self.servers[number].wait_ended()

    def start_again(self, number: int) -> None:
        """With what is left on its disk."""
        self.servers[number] = self._start(number)

    def stop(self) -> None:
        for server in self.servers:
            server.stop()
