"""rtpengine from Debian, without its kernel module, commanded over the NG protocol (bencode over UDP)."""

import socket
import subprocess
from collections.abc import Mapping, Sequence

from bench.processes import wait_until

Value = str | Sequence[str]


class Rtpengine:
    """The server, and one question at a time to it."""

    name = "rtpengine"

    def __init__(self, threads: int = 1, more: Sequence[str] = (), host: str = "127.0.0.1") -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.port = _free_port()
        options = [f"--interface={host}", f"--listen-ng=127.0.0.1:{self.port}", "--table=-1", "--foreground"]
        options += ["--port-min=40000", "--port-max=49999", f"--num-threads={threads}"]
        options += ["--log-level=2", "--log-stderr", *more]
        # It falls over its own threads at times when it ends, and must leave no 70 MB of memory here.
        command = ["prlimit", "--core=0", "rtpengine", *options]
        self._process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        self.pid = self._process.pid
        self._socket.connect(("127.0.0.1", self.port))
        self._socket.settimeout(0.2)
        self._asked = 0
        wait_until(self._pings, 10, "rtpengine")
        self._socket.settimeout(5)

    def ask(self, command: Mapping[str, Value]) -> str:
        """The answer, still bencoded. They bear the cookie of their question; late ones of others are passed over."""
        self._asked += 1
        cookie = f"bench-{self.pid}-{self._asked} "
        self._socket.send(cookie.encode() + _bencoded(command))
        while not (answer := self._socket.recv(65535).decode()).startswith(cookie):
            pass
        return answer

    def stop(self) -> None:
        """End it."""
        self._socket.close()
        self._process.terminate()
        self._process.wait(timeout=20)

    def _pings(self) -> bool:
        try:
            return "pong" in self.ask({"command": "ping"})
        except OSError:
            return False


def _free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def sdp_in(answer: str) -> str:
    """The description in an answer: `3:sdp`, its length, a colon, itself."""
    length, _, rest = answer.partition("3:sdp")[2].partition(":")
    return rest[: int(length)]


def _bencoded(value: Mapping[str, Value] | Value) -> bytes:
    if isinstance(value, str):
        return b"%d:%s" % (len(value.encode()), value.encode())
    if isinstance(value, Mapping):
        return b"d" + b"".join(_bencoded(key) + _bencoded(one) for key, one in sorted(value.items())) + b"e"
    return b"l" + b"".join(map(_bencoded, value)) + b"e"
