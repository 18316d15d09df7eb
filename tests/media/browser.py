"""A browser in memory: full ICE and a DTLS endpoint of its own behind a description, on a wire without loss."""

import os

from tests.media.in_memory import AS_THEY_ARE, Call, sdp

from talkpath.base.address import Address
from talkpath.ice import events as ice
from talkpath.ice.agent import IceAgent
from talkpath.media import Climbed, Exchange, MediaPolicy, Origin
from talkpath.media.memory import MemoryPort
from talkpath.sdp import MediaSection, SessionDescription
from talkpath.secure import events as dtls
from talkpath.secure.certificate import Certificate, Fingerprint
from talkpath.secure.endpoint import DtlsEndpoint
from talkpath.secure.identity import Identity
from talkpath.secure.suites import SrtpKeys

NOW = 1_000_000.0
OURS = Identity(Certificate.make(NOW), b"c" * 32)


class Browser:
    """Speaks on one address to one of our ports. `offers` is whether it makes the first offer."""

    def __init__(self, *, offers: bool, host: str = "198.51.100.9", port: int = 40000, setup: str = "") -> None:
        self.address = Address(host, port)
        self.identity = Identity(Certificate.make(NOW), b"b" * 32)
        self.agent = IceAgent(
            (ice.LocalSocket(1, 1, self.address),), lite=False, controlling=offers, entropy=os.urandom
        )
        self.endpoint = DtlsEndpoint(self.identity)
        self.setup = setup or ("actpass" if offers else "active")
        self.keys: SrtpKeys | None = None
        self.heard: list[object] = []

    def describe(self, formats: str = "111 8", extra: str = "", *, bundled: tuple[str, ...] = ()) -> bytes:
        """Its audio; `bundled` are further sections on the same transport, each an m= value and its attributes."""
        credentials = self.agent.credentials
        lines = [
            "v=0",
            "o=- 1 2 IN IP4 127.0.0.1",
            "s=-",
            "t=0 0",
            " ".join(["a=group:BUNDLE 0", *(str(number + 1) for number in range(len(bundled)))]),
            "a=extmap-allow-mixed",
            "a=msid-semantic: WMS",
            f"m=audio 9 UDP/TLS/RTP/SAVPF {formats}",
            "c=IN IP4 0.0.0.0",
            "a=rtcp:9 IN IP4 0.0.0.0",
            f"a=ice-ufrag:{credentials.ufrag}",
            f"a=ice-pwd:{credentials.password}",
            "a=ice-options:trickle",
            f"a=fingerprint:{self.identity.fingerprint}",
            f"a=setup:{self.setup}",
            "a=mid:0",
            "a=extmap:1 urn:ietf:params:rtp-hdrext:ssrc-audio-level",
            "a=sendrecv",
            "a=rtcp-mux",
            "a=rtcp-rsize",
            "a=rtpmap:111 opus/48000/2",
            "a=rtcp-fb:111 transport-cc",
            "a=fmtp:111 minptime=10;useinbandfec=1",
            "a=rtpmap:8 PCMA/8000",
            "a=ssrc:1 cname:x",
            *(f"a=candidate:{candidate}" for candidate in self.agent.candidates),
        ]
        lines += extra.splitlines()
        for number, section in enumerate(bundled, 1):
            # As browsers repeat it; what is `bundle-only` goes without (RFC 9143 section 7.1.3).
            proof = [] if "bundle-only" in section else [f"a=fingerprint:{self.identity.fingerprint}"]
            lines += [*f"m={section}".splitlines(), f"a=mid:{number}", "a=rtcp-mux", *proof]
        return ("\r\n".join(lines) + "\r\n").encode()

    def learn(self, section: MediaSection, now: float) -> None:
        """Our description came to it."""
        credentials = ice.Credentials(section.ice_ufrag or "", section.ice_pwd or "")
        candidates = tuple(section.attributes.all("candidate"))
        lite = "ice-lite" in section.session.attributes
        self.agent.receive(ice.RemoteDescribed(credentials, candidates, lite), now)
        named = tuple(Fingerprint.parse(value) for value in section.attributes.all("fingerprint"))
        self.endpoint.receive(dtls.RemoteDescribed(named), now)
        self.client = section.setup == "passive" or (section.setup == "actpass" and self.setup == "active")

    def take(self, data: bytes, source: Address, now: float) -> None:
        if data[0] < 4:
            self.agent.receive(ice.DatagramArrived(1, source, data), now)
        else:
            self.endpoint.receive(dtls.DtlsArrived((1, source), data), now)

    def drain(self, now: float) -> list[tuple[bytes, Address]]:
        """What it sends, and where."""
        sent = []
        while outputs := [*self.agent.drain(), *self.endpoint.drain()]:
            for output in outputs:
                self.heard.append(output)
                match output:
                    case ice.SendDatagram(_, remote, data) | dtls.SendDtls((_, remote), data):
                        sent.append((data, remote))
                    case ice.PairNominated(_, remote) if self.client:
                        self.endpoint.receive(dtls.Begun((1, remote)), now)
                    case dtls.KeysAgreed(_, keys):
                        self.keys = keys
        return sent


def as_firefox(description: bytes) -> bytes:
    """The same with its fingerprint at session level, and only there."""
    lines = description.decode().split("\r\n")
    proof = next(line for line in lines if line.startswith("a=fingerprint:"))
    kept = [line for line in lines if not line.startswith("a=fingerprint:")]
    at = next(at for at, line in enumerate(kept) if line.startswith("m="))
    return "\r\n".join([*kept[:at], proof, *kept[at:]]).encode()


class DtlsPhone(Browser):
    """A phone with DTLS and without ICE, the client of its handshake unless `setup` is passive."""

    def describe(self, formats: str = "8", extra: str = "", *, bundled: tuple[str, ...] = ()) -> bytes:
        lines = f"a=fingerprint:{self.identity.fingerprint}\na=setup:{self.setup}\na=rtcp-mux\n{extra}"
        return sdp(self.address.host, f"audio {self.address.port} UDP/TLS/RTP/SAVPF {formats}\n{lines}")

    def learn(self, section: MediaSection, now: float) -> None:
        named = tuple(Fingerprint.parse(value) for value in section.attributes.all("fingerprint"))
        self.endpoint.receive(dtls.RemoteDescribed(named), now)
        if self.setup != "passive":
            self.endpoint.receive(dtls.Begun((1, Address(section.connection.host, section.port))), now)


def exchange(call: Call, browser: Browser, port: MemoryPort, host: str = "203.0.113.1") -> bool:
    """Carry what each side has to say to the other; whether we said anything to anybody."""
    ours = Address(host, port.rtp)
    for data, target in browser.drain(call.now):
        if target == ours:
            call.session.receive(Climbed(port.id, call.now, browser.address, data), call.now)
    sent, port.datagrams = port.datagrams, []
    for data, target in sent:
        if target == browser.address:
            browser.take(data, ours, call.now)
    return bool(sent)


def converse(call: Call, browser: Browser, port: MemoryPort, seconds: float = 5.0, host: str = "203.0.113.1") -> None:
    """Let both sides talk, time passing, until the browser has its keys or nothing more comes; `host` is ours."""
    end = call.now + seconds
    while call.now < end and not (browser.keys and port.keys):
        if not exchange(call, browser, port, host):
            call.now += 0.02
            browser.agent.expire(call.now)
            browser.endpoint.expire(call.now)
            call.session.expire(call.now)
    call.drain()


class WebCall(Call):
    """A call in which the legs in `web` are on a WebSocket."""

    def __init__(self, web: list[int], policy: MediaPolicy = AS_THEY_ARE) -> None:
        super().__init__(policy, OURS)
        self.now = NOW
        self.web = web

    def origin(self, leg: int) -> Origin:
        return super().origin(leg)._replace(webrtc=leg in self.web)

    def say(self, leg: int, to: int, exchange: Exchange, body: bytes) -> SessionDescription:
        self.last = super().say(leg, to, exchange, body)
        return self.last
