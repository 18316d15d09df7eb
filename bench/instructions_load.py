"""Calls and registrations through an edge in memory: what `instructions.py` runs under valgrind.

The messages are those of SIPp's scenarios in `sipp/`. No socket is behind the edge, and only what it does itself is
counted, with the ledger.
"""

import asyncio
import gc
import os
import sys
from collections.abc import Callable
from dataclasses import replace
from ipaddress import ip_network
from pathlib import Path

from tests.edge.lab import HOME, OFFER, PORT, REALM, Lab

from talkpath.base.address import Address, Flow, Transport
from talkpath.edge.gateways.settings import BreakerSettings, GatewaySettings, ProbeSettings
from talkpath.edge.settings import EdgeSettings
from talkpath.routing.loading import load
from talkpath.routing.router import RouterSettings, ScriptRouter

SCRIPTS = Path(__file__).parent / "peers"
HERE = Address(HOME, PORT[Transport.UDP])
CALLER = Flow(Transport.UDP, HERE, Address("198.51.100.7", 5060))
CALLED = Flow(Transport.UDP, HERE, Address("198.51.100.8", 5060))
NETWORK = ip_network("198.51.100.0/24")
USER, NUMBER, WARM_UP = "1002", "49300007", 100
# What a called phone repeats of a request; SIPp writes several Vias into one field.
ECHOED = (b"Record-Route:", b"From:", b"To:", b"Call-ID:", b"CSeq:")
EMPTY = b"Content-Length: 0\r\n\r\n"


class Phones:
    """Two phones and the edge between them."""

    def __init__(self, *, is_trusted: bool, offer: bytes = b"", script: str = "", called: str = USER) -> None:
        """`script` is one of `peers/`, which routes the calls of `called`: to the phone, or to it as to a gateway."""
        gateway = GatewaySettings(
            "gw", "carriers", CALLED.remote.host, probe=ProbeSettings(interval_s=0), breaker=BreakerSettings(10**6)
        )
        settings = EdgeSettings(
            own_hosts=frozenset({HOME}),
            listening=frozenset(PORT.items()),
            realm=REALM,
            trusted=(NETWORK,) if is_trusted else (),
            gateways=(gateway,) if called == NUMBER else (),
        )
        self._lab = Lab(settings, users=(USER,))
        self._number = called.encode()
        if script:
            self._route(script)
        self._called = self._lab.phone(USER, CALLED.remote.host)
        kind = b"Content-Type: application/sdp\r\n" if offer else b""
        self._offer = kind + b"Content-Length: %d\r\n\r\n" % len(offer) + offer
        self._answer = self._offer.replace(b"198.51.100.7", b"198.51.100.8")
        if is_trusted:
            self.register(0)

    def _route(self, script: str) -> None:
        """Have a script decide, as the running edge does."""
        lab, loop = self._lab, asyncio.new_event_loop()
        router = ScriptRouter(load(SCRIPTS / script), RouterSettings(), loop, lambda: lab.now, lab.pump)
        lab.edge.core.world = replace(lab.edge.core.world, router=router)

    def _deliver(self, flow: Flow, data: bytes) -> list[tuple[Flow, bytes]]:
        """Hand a message to the edge; gives what it sends, and where."""
        lab = self._lab
        lab.now += 0.001
        lab.edge.message(flow, data, lab.now)
        sent: list[tuple[Flow, bytes]] = []
        for send in lab.edge.drain():
            hop = send.hop if isinstance(send.hop, Flow) else Flow(send.hop.transport, HERE, send.hop.remote)
            lab.ledger.written(lab.now, hop, send.call_id, send.data)
            sent.append((hop, send.data))
        deadline = lab.edge.deadline()
        if deadline is not None and deadline <= lab.now:
            lab.edge.expire(lab.now)
        lab.ledger.expire(lab.now)
        lab.ledger.drain()
        return sent

    # --- units

    def call(self, number: int) -> None:
        """INVITE, 100, 180, 200, ACK, BYE, 200."""
        head = b"From: <sip:caller@bench.example>;tag=1c%d\r\n" % number
        uri = b"sip:%s@192.0.2.1:5060" % self._number
        to, name = b"To: <" + uri + b">", b"\r\nCall-ID: %d-1@198.51.100.7\r\n" % number
        via = b" SIP/2.0\r\nVia: SIP/2.0/UDP 198.51.100.7:5060;branch=z9hG4bK-1-%d-%d\r\n"
        contact = b"CSeq: 1 INVITE\r\nContact: <sip:caller@198.51.100.7:5060>\r\nMax-Forwards: 70\r\n"
        invite = b"INVITE " + uri + via % (number, 0) + head + to + name + contact + self._offer
        came = next(data for flow, data in self._deliver(CALLER, invite) if flow.remote == CALLED.remote)
        tag, contact = b";tag=1s%d" % number, b"Contact: <sip:1002@198.51.100.8:5060>\r\n"
        self._deliver(CALLED, _response(came, b"180 Ringing", tag, contact + EMPTY))
        answer = self._deliver(CALLED, _response(came, b"200 OK", tag, contact + self._answer))[0][1]
        records = [line for line in _lines(answer) if line.startswith(b"Record-Route:")]
        routes = b"".join(b"Route:" + line.partition(b":")[2] + b"\r\n" for line in records)
        target, rest = b" sip:1002@198.51.100.8:5060", routes + head + to + tag + name
        rest += b"CSeq: %d %s\r\nMax-Forwards: 70\r\n" + EMPTY
        self._deliver(CALLER, b"ACK" + target + via % (number, 1) + rest % (1, b"ACK"))
        bye = self._deliver(CALLER, b"BYE" + target + via % (number, 2) + rest % (2, b"BYE"))[0][1]
        _must_be_good(self._deliver(CALLED, _response(bye, b"200 OK", b"", EMPTY)))

    def register(self, number: int) -> None:
        """A binding that is refreshed."""
        _must_be_good(self._deliver(CALLED, self._registration(number, b"")))

    def register_with_digest(self, number: int) -> None:
        """The challenge, and the answer to it."""
        challenge = self._deliver(CALLED, self._registration(2 * number, b""))[0][1].decode()
        value = next(line[18:] for line in challenge.split("\r\n") if line.startswith("WWW-Authenticate:"))
        proof = f"Authorization: {self._called.credentials(value, 'REGISTER', 'sip:192.0.2.1')}\r\n"
        _must_be_good(self._deliver(CALLED, self._registration(2 * number + 1, proof.encode())))

    def _registration(self, number: int, credentials: bytes) -> bytes:
        return (
            b"REGISTER sip:192.0.2.1 SIP/2.0\r\nVia: SIP/2.0/UDP 198.51.100.8:5060;branch=z9hG4bK-2-%d\r\n"
            b"From: <sip:1002@192.0.2.1>;tag=2r%d\r\nTo: <sip:1002@192.0.2.1>\r\nCall-ID: 2-%d@198.51.100.8\r\n"
            b"CSeq: %d REGISTER\r\nContact: <sip:1002@198.51.100.8:5060>\r\nMax-Forwards: 70\r\n%s"
            b"Expires: 3600\r\nContent-Length: 0\r\n\r\n" % (number, number, number, number + 1, credentials)
        )


def _lines(message: bytes) -> list[bytes]:
    return message.partition(b"\r\n\r\n")[0].split(b"\r\n")[1:]


def _response(request: bytes, status: bytes, tag: bytes, tail: bytes) -> bytes:
    vias = [line.partition(b": ")[2] for line in _lines(request) if line.startswith(b"Via:")]
    kept = [b"Via: " + b", ".join(vias), *(line for line in _lines(request) if line.startswith(ECHOED))]
    kept = [line + tag if line.startswith(b"To:") else line for line in kept]
    return b"SIP/2.0 " + status + b"\r\n" + b"\r\n".join(kept) + b"\r\n" + tail


def _must_be_good(sent: list[tuple[Flow, bytes]]) -> None:
    if not sent or not sent[0][1].startswith(b"SIP/2.0 200"):
        raise RuntimeError(f"no 200 but {sent}")


UNITS: dict[str, Callable[[], Callable[[int], None]]] = {
    "call": lambda: Phones(is_trusted=True).call,
    "call-with-sdp": lambda: Phones(is_trusted=True, offer=OFFER).call,
    "call-by-trivial-script": lambda: Phones(is_trusted=True, script="trivial_script.py").call,
    "call-to-gateway-by-script": lambda: Phones(is_trusted=True, script="routing_script.py", called=NUMBER).call,
    "register": lambda: Phones(is_trusted=True).register,
    "register-with-digest": lambda: Phones(is_trusted=False).register_with_digest,
}


def main() -> None:
    """Do one unit so often: `python -m bench.instructions_load UNIT COUNT`."""
    name, count = sys.argv[1], int(sys.argv[2])
    unit = UNITS[name]()
    for number in range(1, WARM_UP):
        unit(number)
    # As the running edge has it.
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)
    # Counting begins here: nothing else asks for the load.
    os.getloadavg()
    for number in range(WARM_UP, WARM_UP + count):
        unit(number)


if __name__ == "__main__":
    main()
