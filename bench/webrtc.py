"""WebRTC: CPU time of the media server for a call set up, for a packet of SRTP relayed as RTP, and for a handshake.

A browser ([`webrtc_page.py`](webrtc_page.py)) offers ICE and DTLS, a phone answers with plain RTP; a call is set up
when the phone hears what the browser said. talkpath's media machine ([`webrtc_server.py`](webrtc_server.py)) and
rtpengine are told the same descriptions and see the same packets.
"""

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from OpenSSL import SSL

from bench.ng import Rtpengine, sdp_in
from bench.processes import cpu_s
from bench.webrtc_page import Page
from talkpath.base.address import Address
from talkpath.secure import events as dtls
from talkpath.secure.certificate import Certificate
from talkpath.secure.endpoint import DtlsEndpoint
from talkpath.secure.identity import Identity

ROOT = Path(__file__).parent.parent
CALLS, AT_ONCE = 600, 20
STREAMS, PACKETS_PER_S, SECONDS = 400, 20_000, 10
HANDSHAKES = 400
SOON_S = 5.0
IDENTITY = Identity(Certificate.make(time.time()), os.urandom(32))


class Server(Protocol):
    """A media server that is running."""

    name: str
    pid: int

    def offer(self, call: str, sdp: str) -> str: ...

    def answer(self, call: str, sdp: str) -> str: ...

    def delete(self, call: str) -> None: ...

    def stop(self) -> None: ...


class WebRtpengine(Rtpengine):
    """rtpengine between a browser and a phone, as the usual Kamailio configurations command it."""

    def offer(self, call: str, sdp: str) -> str:
        wanted = {"ICE": "remove", "transport-protocol": "RTP/AVP", "rtcp-mux": ["demux"]}
        return sdp_in(self.ask({"command": "offer", "call-id": call, "from-tag": "a", "sdp": sdp, **wanted}))

    def answer(self, call: str, sdp: str) -> str:
        command = {"command": "answer", "call-id": call, "from-tag": "a", "to-tag": "b", "sdp": sdp}
        return sdp_in(self.ask(command))

    def delete(self, call: str) -> None:
        self.ask({"command": "delete", "call-id": call, "from-tag": "a"})


class Talkpath:
    """talkpath's media machine in a process of its own."""

    name = "talkpath"

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "bench.webrtc_server"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.pid = self._process.pid

    def offer(self, call: str, sdp: str) -> str:
        return self._ask({"command": "offer", "call": call, "sdp": sdp})

    def answer(self, call: str, sdp: str) -> str:
        return self._ask({"command": "answer", "call": call, "sdp": sdp})

    def delete(self, call: str) -> None:
        self._ask({"command": "delete", "call": call})

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait(timeout=20)

    def _ask(self, command: dict[str, str]) -> str:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        print(json.dumps(command), file=self._process.stdin, flush=True)
        return str(json.loads(self._process.stdout.readline()))


def set_up(server: Server, names: list[str]) -> tuple[list[Page], int]:
    """Calls that are answered and keyed, all at once; and how many got no keys."""
    pages = [Page(IDENTITY) for _ in names]
    for name, page in zip(names, pages, strict=True):
        server.offer(name, page.offer)
        page.learn(server.answer(name, page.phone))
    end, left = time.monotonic() + SOON_S, pages
    while (left := [page for page in left if not page.turn()]) and time.monotonic() < end:
        time.sleep(0.002)
    return pages, len(left)


def tear_down(server: Server, names: list[str], pages: list[Page]) -> None:
    for name, page in zip(names, pages, strict=True):
        page.close()
        server.delete(name)


def set_up_ms(server: Server) -> float:
    """CPU milliseconds of the server for a call from offer to delete."""
    warm = [f"warm-{number}" for number in range(AT_ONCE)]
    tear_down(server, warm, set_up(server, warm)[0])
    before, failed = cpu_s(server.pid), 0
    for wave in range(CALLS // AT_ONCE):
        names = [f"call-{wave}-{number}" for number in range(AT_ONCE)]
        pages, unkeyed = set_up(server, names)
        tear_down(server, names, pages)
        failed += unkeyed
    if failed:
        print(f"  {failed} of {CALLS} calls of {server.name} got no keys within {SOON_S:g} s", file=sys.stderr)
    return (cpu_s(server.pid) - before) / (CALLS - failed) * 1e3


def packet_us(server: Server) -> float:
    """CPU microseconds of the server for a packet of SRTP that came out as RTP."""
    names = [f"talk-{number}" for number in range(STREAMS)]
    pages = [page for at in range(0, STREAMS, AT_ONCE) for page in set_up(server, names[at : at + AT_ONCE])[0]]
    before, heard, sent = cpu_s(server.pid), 0, 0
    begin = time.monotonic()
    while sent < PACKETS_PER_S * SECONDS:
        for page in pages:
            page.talk()
            heard += page.heard()
        sent += len(pages)
        time.sleep(max(0.0, begin + sent / PACKETS_PER_S - time.monotonic()))
    time.sleep(0.2)
    heard += sum(page.heard() for page in pages)
    used = cpu_s(server.pid) - before
    tear_down(server, names, pages)
    return used / heard * 1e6


def handshake_ms(server: Callable[[], Callable[[bytes], list[bytes]]]) -> float:
    """CPU milliseconds of the server side alone for one handshake, in this process."""
    used_ns = 0
    for number in range(HANDSHAKES + 10):
        spent_ns = _handshake_ns(server)
        used_ns += spent_ns if number >= 10 else 0
    return used_ns / HANDSHAKES / 1e6


def _handshake_ns(make: Callable[[], Callable[[bytes], list[bytes]]]) -> int:
    path, now, used_ns = (1, Address("192.0.2.1", 1)), 1_000_000.0, 0
    client = DtlsEndpoint(IDENTITY)
    client.receive(dtls.RemoteDescribed((IDENTITY.fingerprint,)), now)
    client.receive(dtls.Begun(path), now)
    begin = time.process_time_ns()
    server = make()
    used_ns += time.process_time_ns() - begin
    for _ in range(5):
        for output in client.drain():
            if isinstance(output, dtls.KeysAgreed):
                return used_ns
            if isinstance(output, dtls.SendDtls):
                begin = time.process_time_ns()
                answers = server(output.data)
                used_ns += time.process_time_ns() - begin
                for answer in answers:
                    client.receive(dtls.DtlsArrived(path, answer), now)
    raise RuntimeError("the handshake was not completed")


def our_server() -> Callable[[bytes], list[bytes]]:
    path, now = (1, Address("192.0.2.2", 1)), 1_000_000.0
    endpoint = DtlsEndpoint(IDENTITY)
    endpoint.receive(dtls.RemoteDescribed((IDENTITY.fingerprint,)), now)

    def take(data: bytes) -> list[bytes]:
        endpoint.receive(dtls.DtlsArrived(path, data), now)
        return [one.data for one in endpoint.drain() if isinstance(one, dtls.SendDtls)]

    return take


def bare_server() -> Callable[[bytes], list[bytes]]:
    """pyOpenSSL and nothing around it: no lost flights, no strangers, no fingerprint, no keys."""
    connection = IDENTITY.server(1200)

    def take(data: bytes) -> list[bytes]:
        connection.bio_write(data)
        with suppress(SSL.WantReadError):
            connection.do_handshake()
        try:
            return [connection.bio_read(65_536)]
        except SSL.WantReadError:
            return []

    return take


def main() -> None:
    """Measure both, and print the table as Markdown."""
    if shutil.which("rtpengine") is None:
        raise SystemExit("rtpengine is missing: run tests/live/install-peers and try again")
    figures: dict[str, tuple[float, float]] = {}
    for start in (WebRtpengine, Talkpath):
        print(f"  measuring WebRTC with {start.name}", file=sys.stderr)
        server = start()
        try:
            figures[start.name] = (set_up_ms(server), packet_us(server))
        finally:
            server.stop()
    theirs, ours = figures[WebRtpengine.name], figures[Talkpath.name]
    print("| WebRTC | unit | peer | talkpath | ratio |")
    print("| --- | --- | ---: | ---: | ---: |")
    _print_row("call set up, from offer to delete (rtpengine)", "ms CPU", theirs[0], ours[0])
    _print_row(f"packet of SRTP to RTP, {PACKETS_PER_S:,}/s (rtpengine)", "µs CPU", theirs[1], ours[1])
    _print_row(
        "DTLS handshake as server (bare pyOpenSSL)", "ms CPU", handshake_ms(bare_server), handshake_ms(our_server)
    )


def _print_row(what: str, unit: str, theirs: float, ours: float) -> None:
    print(f"| {what} | {unit} | {theirs:.2f} | {ours:.2f} | {ours / theirs:.2f} |", flush=True)


if __name__ == "__main__":
    main()
