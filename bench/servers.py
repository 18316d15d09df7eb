"""The servers that are measured: each starts with a fresh state and tells the process to look at."""

import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Protocol

from bench.processes import tree, wait_until

HERE = Path(__file__).parent
PASSWORD = "bench-secret"


class Server(Protocol):
    """A server that is running."""

    name: str
    port: int
    pid: int

    def stop(self) -> None:
        """End it with everything it started."""


class Kamailio:
    """Kamailio from Debian with one worker and the allocator that flatters it most (-x fm)."""

    def __init__(
        self,
        directory: Path,
        port: int,
        digest: bool,
        script: str = "kamailio.cfg",
        engine_port: int = 0,
        other_port: int = 0,
    ) -> None:
        self.name = "kamailio"
        self.port = port
        config = directory / script
        text = (HERE / "peers" / script).read_text()
        text = text.replace("KAMAILIO_PORT", str(port)).replace("RTPENGINE_PORT", str(engine_port))
        text = text.replace("OTHER_PORT", str(other_port))
        config.write_text(text.replace("FOLDER", str(directory)))
        memory = ["-x", "fm", "-m", "512", "-M", "16"]
        options = ["-A", "DIGEST"] if digest else []
        self._process = subprocess.Popen(
            ["kamailio", "-DD", "-f", str(config), "-Y", str(directory), *memory, *options],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        self.pid = self._process.pid
        wait_until(lambda: is_open(port), 10, "Kamailio")
        wait_until(lambda: len(list(tree(self.pid))) >= 4, 10, "Kamailio's worker")

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait(timeout=20)


def is_open(port: int) -> bool:
    """Whether some process has the UDP port."""
    return any(f":{port:04X} " in line for line in Path("/proc/net/udp").read_text().splitlines())


class Talkpath:
    """talkpath as `make run` starts it, on one UDP port of loopback, and one for WebSocket where it is named."""

    def __init__(
        self,
        directory: Path,
        port: int,
        digest: bool,
        users: Iterable[str] = (),
        web_port: int | None = None,
        more: str = "",
        address: str = "127.0.0.1",
    ) -> None:
        self.name = "talkpath"
        self.port = port
        config = directory / "talkpath.toml"
        accounts = "".join(f'[[accounts]]\nuser = "{user}"\npassword = "{PASSWORD}"\n' for user in users)
        doors = {"UDP": port} | ({"WS": web_port} if web_port is not None else {})
        listeners = "".join(
            f'[[listeners]]\ntransport = "{transport}"\naddress = "{address}"\nport = {door}\n'
            for transport, door in doors.items()
        )
        config.write_text(
            f'{listeners}[state]\ndirectory = "{directory / "state"}"\n[log]\nlevel = "error"\n'
            f"[authentication]\ntrusted = {[] if digest else ['127.0.0.0/8']}\n{accounts}{more}"
        )
        with (directory / "talkpath.log").open("w") as log:
            command = [sys.executable, "-m", "talkpath", "run", "--config", str(config)]
            self._process = subprocess.Popen(command, stdout=log, stderr=log)
        self.pid = self._process.pid
        wait_until(lambda: is_open(port), 30, "talkpath")

    def kill(self) -> None:
        """As by a power cut."""
        self._process.kill()
        self._process.wait(timeout=20)

    def stop(self) -> None:
        # The second signal stops at once instead of waiting for calls.
        self._process.terminate()
        time.sleep(0.1)
        self._process.terminate()
        self._process.wait(timeout=20)
