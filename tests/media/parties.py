"""Phones and browsers of each profile, in memory: what they write, check and hear."""

import os
import random
from dataclasses import dataclass, replace

from tests.media.browser import NOW, Browser, WebCall, converse
from tests.media.in_memory import sdp

from talkpath.base.address import Address
from talkpath.ice import events as ice
from talkpath.ice.agent import IceAgent
from talkpath.media import Climbed, Origin
from talkpath.media.memory import MemoryPort
from talkpath.sdp import MediaSection, SessionDescription
from talkpath.secure import events as dtls
from talkpath.secure import sdes
from talkpath.secure.certificate import Certificate, Fingerprint
from talkpath.secure.endpoint import DtlsEndpoint
from talkpath.secure.identity import Identity
from talkpath.secure.suites import Suite

HOSTS = ("192.0.2.10", "192.0.2.21")
CERTIFICATES = [Identity(Certificate.make(NOW), bytes([n]) * 32) for n in (1, 2)]


@dataclass
class Profile:
    """What a party writes, how it keys, whether it speaks ICE."""

    protocol: str
    dtls: bool = False
    sdes: bool = False
    mux: bool = False
    ice: bool = False


PROFILES = {
    "rtp": Profile("RTP/AVP"),
    "rtp-mux": Profile("RTP/AVP", mux=True),
    "avpf": Profile("RTP/AVPF"),
    "sdes": Profile("RTP/SAVP", sdes=True),
    "sdes-savpf": Profile("RTP/SAVPF", sdes=True),
    "sdes-optional": Profile("RTP/AVP", sdes=True),
    "sdes-optional-avpf": Profile("RTP/AVPF", sdes=True),
    "sdes-mux": Profile("RTP/SAVP", sdes=True, mux=True),
    "dtls": Profile("UDP/TLS/RTP/SAVP", dtls=True),
    "dtls-optional": Profile("RTP/AVP", dtls=True),
    "dtls-mux": Profile("UDP/TLS/RTP/SAVPF", dtls=True, mux=True),
    "dtls-passive": Profile("UDP/TLS/RTP/SAVP", dtls=True),
    "dtls-passive-mux": Profile("UDP/TLS/RTP/SAVP", dtls=True, mux=True),
    "ice-rtp": Profile("RTP/AVP", ice=True),
    "ice-rtp-mux": Profile("RTP/AVP", ice=True, mux=True),
    "ice-avpf": Profile("RTP/AVPF", ice=True),
    "ice-sdes": Profile("RTP/SAVP", ice=True, sdes=True),
    "ice-sdes-mux": Profile("RTP/SAVPF", ice=True, sdes=True, mux=True),
    "ice-dtls": Profile("UDP/TLS/RTP/SAVP", ice=True, dtls=True),
    "ice-dtls-passive": Profile("UDP/TLS/RTP/SAVPF", ice=True, dtls=True),
    "ice-dtls-mux": Profile("UDP/TLS/RTP/SAVP", ice=True, dtls=True, mux=True),
    "ice-browser": Profile("UDP/TLS/RTP/SAVPF", dtls=True, mux=True),
    "browser": Profile("UDP/TLS/RTP/SAVPF", dtls=True, mux=True),
}
SIDES = tuple(PROFILES)


class Party:
    """One side of the call; `number` 0 is the caller."""

    def __init__(self, number: int, kind: str) -> None:
        self.number, self.kind, self.profile = number, kind, PROFILES[kind]
        self.host, self.port = HOSTS[number], 4000 + 1000 * number
        self.identity = CERTIFICATES[number]
        self.is_web = kind in ("ice-browser", "browser")
        self.is_passive = "passive" in kind
        self.sockets = (False,) if self.profile.mux else (False, True)
        self.agent = self.ice_agent(controlling=number == 0)
        self.has_described = self.is_relayed_unread = False
        self.browser = Browser(offers=number == 0, host=self.host, port=self.port)
        self.browser.identity = self.identity
        self.browser.endpoint = DtlsEndpoint(self.identity)
        self.endpoints = {False: DtlsEndpoint(self.identity), True: DtlsEndpoint(self.identity)}
        self.keys: dict[bool, tuple[object, ...]] = {}
        seed = random.Random(number)
        self.lines = sdes.offer(seed.randbytes, [Suite.AES_CM_128_HMAC_SHA1_80])
        self.chosen: MediaSection | None = None

    def ice_agent(self, *, controlling: bool) -> IceAgent:
        """A full agent of one component, or of two where RTCP has a port of its own."""
        sockets = [ice.LocalSocket(1 + rtcp, 1 + rtcp, Address(self.host, self.port + rtcp)) for rtcp in self.sockets]
        return IceAgent(sockets, lite=False, controlling=controlling, entropy=os.urandom)

    def describe(self, *, offering: bool) -> bytes:
        if self.is_web:
            self.browser.setup = "actpass" if offering else "active"
            return self.browser.describe("8")
        if not self.has_described:
            self.has_described, self.agent = True, self.ice_agent(controlling=offering)
        lines = [f"audio {self.port} {self.profile.protocol} 8"]
        if self.profile.sdes:
            lines += [f"a=crypto:{line}" for line in self.lines]
        if self.profile.dtls:
            role = "passive" if self.is_passive else "actpass" if offering else "active"
            lines += [f"a=fingerprint:{self.identity.fingerprint}", f"a=setup:{role}"]
        if self.profile.mux:
            lines.append("a=rtcp-mux")
        if self.profile.ice:
            ours = self.agent.credentials
            lines += [f"a=ice-ufrag:{ours.ufrag}", f"a=ice-pwd:{ours.password}"]
            lines += [f"a=candidate:{candidate}" for candidate in self.agent.candidates]
        return sdp(self.host, "\n".join(lines))

    def learn(self, section: MediaSection, now: float, *, offering: bool) -> None:
        """Our description of the other side came to it."""
        assert section.protocol == self.profile.protocol
        if offering:
            assert section.rtcp_mux == self.profile.mux
        assert bool(section.attributes.all("crypto")) == self.profile.sdes
        assert bool(section.attributes.all("fingerprint")) == self.profile.dtls
        self.chosen, self.has_described = section, True
        if self.profile.sdes and not offering:
            lines = [sdes.Crypto.parse(line) for line in section.attributes.all("crypto")]
            known = next(line for line in lines if line.suite is Suite.AES_CM_128_HMAC_SHA1_80)
            self.lines = [replace(self.lines[0], tag=known.tag)]
        if self.is_web:
            self.browser.learn(section, now)
            return
        assert (section.ice_ufrag is not None) == self.profile.ice
        if self.profile.ice:
            assert {line.split()[1] for line in section.attributes.all("candidate")} >= {
                str(1 + n) for n in self.sockets
            }
            credentials = ice.Credentials(section.ice_ufrag or "", section.ice_pwd or "")
            lite = "ice-lite" in section.session.attributes
            candidates = tuple(section.attributes.all("candidate"))
            self.agent.receive(ice.RemoteDescribed(credentials, candidates, lite), now)
        if self.profile.dtls:
            self.is_client = section.setup == "passive" if offering else not self.is_passive
            named = tuple(Fingerprint.parse(value) for value in section.attributes.all("fingerprint"))
            for rtcp, endpoint in self.endpoints.items():
                endpoint.receive(dtls.RemoteDescribed(named), now)
                if self.is_client and not self.profile.ice and rtcp in self.sockets:
                    endpoint.receive(dtls.Begun((1, Address(self.host, self.port + rtcp))), now)

    def converse(self, call: WebCall, port: MemoryPort) -> None:
        """Both sides' checks and DTLS datagrams for two seconds: until there is nothing more to say."""
        for _ in range(100):
            self.check_and_nominate(call, port)
            ours = call.origin(self.number).media[0].advertised
            for rtcp, endpoint in self.endpoints.items():
                self.shake_hands(call, port, endpoint, rtcp)
            for rtcp, sent in ((False, port.datagrams), (True, port.rtcp_datagrams)):
                for data, target in sent:
                    assert target == Address(self.host, self.port + rtcp)
                    self.take(data, Address(ours, port.rtp + rtcp), call.now, rtcp)
                sent.clear()
            call.now += 0.02
            self.agent.expire(call.now)
            call.session.expire(call.now)
        call.drain()

    def take(self, data: bytes, source: Address, now: float, rtcp: bool) -> None:
        if data[0] < 4:
            self.agent.receive(ice.DatagramArrived(1 + rtcp, source, data), now)
        else:
            target = Address(self.host, self.port + rtcp)
            self.endpoints[rtcp].receive(dtls.DtlsArrived((1, target), data), now)

    def check_and_nominate(self, call: WebCall, port: MemoryPort) -> None:
        for output in self.agent.drain():
            if isinstance(output, ice.SendDatagram):
                rtcp = output.socket == 2
                source = Address(self.host, self.port + rtcp)
                call.session.receive(Climbed(port.id, call.now, source, output.data, rtcp), call.now)
            elif isinstance(output, ice.PairNominated) and self.profile.dtls and self.is_client:
                rtcp = output.component == 2
                self.endpoints[rtcp].receive(dtls.Begun((1, Address(self.host, self.port + rtcp))), call.now)

    def shake_hands(self, call: WebCall, port: MemoryPort, endpoint: DtlsEndpoint, rtcp: bool) -> None:
        source = Address(self.host, self.port + rtcp)
        for output in endpoint.drain():
            if isinstance(output, dtls.SendDtls):
                call.session.receive(Climbed(port.id, call.now, source, output.data, rtcp), call.now)
            elif isinstance(output, dtls.KeysAgreed):
                ours, theirs = output.keys.ours, output.keys.theirs
                suite = output.keys.suite.sdes_name
                self.keys[rtcp] = (suite, (theirs.key, theirs.salt), (ours.key, ours.salt))

    def check(self, call: WebCall) -> None:
        """Its port at our side has its keys, and hears it as it is."""
        port = call.port(self.number)
        if self.is_web:
            converse(call, self.browser, port)
            assert self.browser.keys is not None
            assert port.keys is not None
            assert port.expected["ice"]
            return
        self.converse(call, port)
        assert port.expected["ice"] == self.profile.ice
        assert port.expected["rtp"] == (None if self.profile.ice else (self.host, self.port))
        assert port.expected["mux"] == self.profile.mux
        if self.profile.ice:
            assert port.sends_to == (self.host, self.port)
            assert port.rtcp_sends_to == (None if self.profile.mux else (self.host, self.port + 1))
        assert not port.expected["raw"]
        if not self.is_relayed_unread:
            assert (8, 8000, "PCMA") in port.expected["formats"]  # type: ignore[operator]
        assert port.expected["climb"] == (self.profile.dtls and not self.profile.ice), "under ICE they climb anyway"
        if self.profile.dtls:
            assert port.keys == self.keys[False]
            assert port.rtcp_keys == (None if self.profile.mux else self.keys[True])
        elif self.profile.sdes and self.is_relayed_unread:
            assert port.keys is None
        elif self.profile.sdes:
            assert self.chosen is not None
            lines = [sdes.Crypto.parse(line) for line in self.chosen.attributes.all("crypto")]
            ours = next(line for line in lines if line.tag == self.lines[0].tag).master
            theirs = self.lines[0].master
            assert ours is not None
            assert theirs is not None
            suite = Suite.AES_CM_128_HMAC_SHA1_80.sdes_name
            assert port.keys == (suite, (ours.key, ours.salt), (theirs.key, theirs.salt))
        else:
            assert port.keys is None


class AnyCall(WebCall):
    """A call over signalling in the clear, where an unknown phone is offered no keys."""

    def answer_of(self, offer: bytes, cseq: int = 1) -> SessionDescription:
        """What the caller reads after its offer, which a phone with plain RTP answers."""
        self.offer(offer, cseq=cseq)
        return self.answer(sdp(HOSTS[1], "audio 5000 RTP/AVP 8"), cseq=cseq)

    def origin(self, leg: int) -> Origin:
        return super().origin(leg)._replace(secure=False)
