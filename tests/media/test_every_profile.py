"""Every profile with every other: what each side speaks is what it reads and hears, whatever the other speaks."""

import os
import random
from dataclasses import dataclass, replace
from itertools import permutations, product

import pytest
from tests.media.browser import NOW, Browser, WebCall, converse
from tests.media.in_memory import sdp

from talkpath.base.address import Address
from talkpath.ice import events as ice
from talkpath.ice.agent import IceAgent
from talkpath.media import Climbed, Exchange, MediaAddress, Origin, policy
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


def is_offered_in(party: Party, offered: SessionDescription) -> None:
    """A party that has not spoken yet is offered what every phone understands, or what every browser does."""
    section = offered.audio
    if party.is_web:
        assert section.protocol == "UDP/TLS/RTP/SAVPF"
        assert section.ice_ufrag
        return
    assert section.protocol.startswith("RTP/AVP")
    for name in ("crypto", "fingerprint", "setup", "ice-ufrag", "candidate"):
        assert name not in section.attributes


@pytest.mark.parametrize("callee", ["rtp", "browser"])
@pytest.mark.parametrize("caller", SIDES)
def test_a_caller_of_each_profile_is_answered_in_it(caller: str, callee: str) -> None:
    one, other = Party(0, caller), Party(1, callee)
    call = AnyCall(web=[n for n, kind in enumerate((caller, callee)) if kind == "browser"])
    offered = call.offer(one.describe(offering=True))
    is_offered_in(other, offered)
    other.chosen = offered.audio
    if other.is_web:
        other.browser.learn(offered.audio, call.now)
    answer = call.answer(other.describe(offering=False))
    call.chosen()
    one.learn(answer.audio, call.now, offering=True)
    one.check(call)
    other.check(call)
    assert call.port(0).target is call.port(1)
    assert call.port(1).target is call.port(0)


@pytest.mark.parametrize("caller", SIDES)
@pytest.mark.parametrize("callee", [kind for kind in SIDES if kind != "browser"])
def test_a_callee_of_each_profile_offers_it_to_a_caller_of_each(caller: str, callee: str) -> None:
    """The callee takes plain RTP at first; then it speaks as it likes, and the caller is offered its own profile."""
    one, other = Party(0, caller), Party(1, callee)
    call = AnyCall(web=[0] if caller == "browser" else [])
    call.offer(one.describe(offering=True))
    first = call.answer(sdp(HOSTS[1], f"audio {other.port} RTP/AVP 8"))
    call.chosen()
    one.learn(first.audio, call.now, offering=True)
    one.check(call)
    before = call.port(0).keys
    again = call.say(1, 0, Exchange("INVITE", 7), other.describe(offering=True))
    assert again.audio.protocol == PROFILES[caller].protocol
    assert bool(again.audio.attributes.all("fingerprint")) == PROFILES[caller].dtls
    if one.is_web:
        one.browser.setup = "active"
    answer = call.say(0, 1, Exchange("INVITE", 7, 200), one.describe(offering=False))
    other.learn(answer.audio, call.now, offering=True)
    other.check(call)
    assert call.port(0).target is call.port(1)
    if PROFILES[caller].dtls:
        assert call.port(0).keys == before, "its association goes on"


@pytest.mark.parametrize("caller", [kind for kind in SIDES if not PROFILES[kind].sdes])
@pytest.mark.parametrize("callee", ["sdes", "sdes-savpf", "dtls"])
def test_a_callee_that_insists_is_asked_in_its_profile(caller: str, callee: str) -> None:
    """It refused plain RTP; the offer of the next branch is made for it."""
    one, other = Party(0, caller), Party(1, callee)
    call = AnyCall(web=[0] if caller == "browser" else [])
    wanted = policy.Profile(other.profile.protocol)
    call.origins[1] = call.origin(1)._replace(profile=wanted)
    offered = call.offer(one.describe(offering=True))
    other.learn(offered.audio, call.now, offering=False)
    answer = call.answer(other.describe(offering=False))
    call.chosen()
    one.learn(answer.audio, call.now, offering=True)
    one.check(call)
    other.check(call)
    assert call.port(0).target is call.port(1)


@pytest.mark.parametrize("caller", ["sdes", "dtls"])
def test_a_callee_that_wants_no_keys_is_asked_without(caller: str) -> None:
    one, other = Party(0, caller), Party(1, "rtp")
    call = WebCall(web=[])
    call.origins[1] = call.origin(1)._replace(profile=policy.Profile.PLAIN)
    offered = call.offer(one.describe(offering=True))
    is_offered_in(other, offered)
    answer = call.answer(other.describe(offering=False))
    call.chosen()
    one.learn(answer.audio, call.now, offering=True)
    one.check(call)


# A phone that has not spoken is offered plain RTP and answers so, whatever it would rather speak.
UNHEARD = [kind for kind in SIDES if kind == "browser" or not (PROFILES[kind].dtls or PROFILES[kind].sdes)]


@pytest.mark.parametrize("caller", UNHEARD)
@pytest.mark.parametrize("callee", SIDES)
def test_an_offer_in_the_answer_works_in_every_profile(caller: str, callee: str) -> None:
    """An INVITE without a description: the 2xx has the offer and the ACK the answer (RFC 3261 section 13.2.1)."""
    one, other = Party(0, caller), Party(1, callee)
    call = AnyCall(web=[n for n, kind in enumerate((caller, callee)) if kind == "browser"])
    offered = call.say(1, 0, Exchange("INVITE", 1, 200), other.describe(offering=True))
    is_offered_in(one, offered)
    if one.is_web:
        one.browser.setup = "active"
        one.browser.learn(offered.audio, call.now)
        answered = one.describe(offering=False)
    else:
        answered = sdp(HOSTS[0], f"audio {one.port} {offered.audio.protocol} 8")
    answer = call.say(0, 1, Exchange("ACK", 1), answered)
    call.chosen()
    other.learn(answer.audio, call.now, offering=True)
    other.check(call)
    if one.is_web:
        one.check(call)
    assert call.port(0).target is call.port(1)


UNDER_ICE = [kind for kind in SIDES if PROFILES[kind].ice]


@pytest.mark.parametrize("advertised", ["203.0.113.1", "10.9.9.9"], ids=["lite", "full"])
@pytest.mark.parametrize("callee", UNDER_ICE)
@pytest.mark.parametrize("caller", ["rtp", "ice-sdes", "ice-dtls", "browser"])
def test_a_phone_that_registered_with_ice_is_offered_it(caller: str, callee: str, advertised: str) -> None:
    one, other = Party(0, caller), Party(1, callee)
    call = AnyCall(web=[0] if caller == "browser" else [])
    asked = (
        policy.Profile(other.profile.protocol.removesuffix("F")) if other.profile.dtls or other.profile.sdes else None
    )
    here = (MediaAddress("10.9.9.9", advertised),)
    call.origins[1] = call.origin(1)._replace(ice=True, profile=asked, media=here)
    offered = call.offer(one.describe(offering=True)).audio
    assert offered.ice_ufrag
    assert offered.rtcp_mux, "it may choose"
    assert {line.split()[1] for line in offered.attributes.all("candidate")} == {"1", "2"}
    other.profile = replace(other.profile, protocol=offered.protocol)
    other.learn(offered, call.now, offering=False)
    answer = call.answer(other.describe(offering=False))
    call.chosen()
    one.learn(answer.audio, call.now, offering=True)
    one.is_relayed_unread = other.is_relayed_unread = one.profile.sdes and other.profile.sdes
    one.check(call)
    other.check(call)
    assert call.port(0).target is call.port(1)


def test_a_phone_that_registered_with_ice_may_do_without() -> None:
    call = AnyCall(web=[])
    call.origins[1] = call.origin(1)._replace(ice=True)
    call.offer(sdp(HOSTS[0], "audio 4000 RTP/AVP 8"))
    call.answer(sdp(HOSTS[1], "audio 5000 RTP/AVP 8"))
    call.chosen()
    assert call.port(1).expected["rtp"] == (HOSTS[1], 5000)
    assert not call.port(1).expected["ice"]
    assert ("shut", call.port(1).id) not in call.engine.told


CHANGES = [
    *product(["rtp", "sdes", *UNDER_ICE], ["rtp", "sdes", "ice-rtp", "ice-sdes", "ice-dtls", "ice-dtls-mux"]),
    *permutations(["dtls", "dtls-mux"], 2),
    *permutations(["dtls-passive", "dtls-passive-mux"], 2),
]


@pytest.mark.parametrize(("before", "after"), CHANGES)
def test_a_party_changes_its_mind_in_mid_call(before: str, after: str) -> None:
    """ICE and keys come and go with its own offers, and RTCP moves to the port of RTP and back."""
    one, changed = Party(0, before), Party(0, after)
    changed.identity, changed.endpoints = one.identity, one.endpoints
    call = AnyCall(web=[])
    call.offer(one.describe(offering=True))
    one.learn(call.answer(sdp(HOSTS[1], "audio 5000 RTP/AVP 8")).audio, call.now, offering=True)
    call.chosen()
    one.check(call)
    call.offer(changed.describe(offering=True), cseq=2)
    if PROFILES[before].dtls:
        changed.endpoints, changed.keys = one.endpoints, one.keys
    changed.learn(call.answer(sdp(HOSTS[1], "audio 5000 RTP/AVP 8"), cseq=2).audio, call.now, offering=True)
    changed.check(call)


def test_rtcp_gets_its_port_back_without_a_restart_of_ice() -> None:
    """The new component is checked under the credentials that stand (RFC 8445 section 2.2)."""
    one, call = Party(0, "ice-rtp-mux"), AnyCall(web=[])
    offer = one.describe(offering=True)
    one.learn(call.answer_of(offer).audio, call.now, offering=True)
    call.chosen()
    one.check(call)
    own = ice.LocalSocket(2, 2, Address(one.host, one.port + 1))
    apart = b"a=candidate:1 2 udp 2130706430 %s %d typ host" % (one.host.encode(), own.address.port)
    answer = call.answer_of(offer.replace(b"a=rtcp-mux", apart), cseq=2).audio
    assert not answer.rtcp_mux
    assert [line.split()[1] for line in answer.attributes.all("candidate")] == ["1", "2"]
    one.sockets, one.profile = (False, True), replace(one.profile, mux=False)
    one.agent.receive(ice.ComponentOpened(own), call.now)
    one.learn(answer, call.now, offering=True)
    one.check(call)


@pytest.mark.parametrize("kind", ["ice-rtp-mux", "ice-sdes-mux", "ice-dtls-mux", "browser"])
@pytest.mark.parametrize("first", ["muxed at first", "never"])
def test_a_party_that_names_no_candidate_for_rtcp_has_none(kind: str, first: str) -> None:
    """It is not answered with what it did not offer (RFC 5761 section 5.1.1), and RTP goes on."""
    one, call = Party(0, kind), AnyCall(web=[0] if kind == "browser" else [])
    offer = one.describe(offering=True)
    apart = offer.replace(b"a=rtcp-mux\r\n", b"")
    answer = call.answer_of(offer if first == "muxed at first" else apart).audio
    call.chosen()
    if first == "muxed at first":
        one.learn(answer, call.now, offering=True)
        one.check(call)
        answer = call.answer_of(apart, cseq=2).audio
    assert not answer.rtcp_mux
    assert {line.split()[1] for line in answer.attributes.all("candidate")} == {"1", "2"}
    assert not call.port(0).expected["mux"]
    one.profile = replace(one.profile, mux=False)
    one.learn(answer, call.now, offering=True)
    if one.is_web:
        converse(call, one.browser, call.port(0))
    else:
        one.converse(call, call.port(0))
    assert call.port(0).sends_to == (one.host, one.port)
    assert call.port(0).rtcp_sends_to is None
    if one.profile.dtls:
        assert call.port(0).keys is not None


def test_ice_whose_address_was_changed_on_the_way_is_not_believed() -> None:
    """Somebody between us put in its own address and passed the candidates on: media goes where it says."""
    call, party = AnyCall(web=[]), Party(0, "ice-rtp")
    changed = party.describe(offering=True).replace(b"audio 4000", b"audio 7000")
    call.offer(changed)
    answer = call.answer(sdp(HOSTS[1], "audio 5000 RTP/AVP 8"))
    call.chosen()
    assert answer.audio.ice_ufrag is None
    assert call.port(0).expected["rtp"] == (HOSTS[0], 7000)
    assert "media.ice-removed" in call.kinds()


def test_candidates_say_which_family_a_party_is_in() -> None:
    call, party = AnyCall(web=[]), Party(0, "ice-rtp")
    party.host = "2001:db8::10"
    call.offer(party.describe(offering=True))
    answer = call.answer(sdp(HOSTS[1], "audio 5000 RTP/AVP 8"))
    assert ":" in answer.audio.attributes.all("candidate")[0].split()[4]


def test_a_dtls_phone_behind_a_nat_is_latched_after_it_proved_itself() -> None:
    call = AnyCall(web=[])
    call.origins[0] = call.origin(0)._replace(behind_nat=True, host="198.51.100.5")
    party = Party(0, "dtls-mux")
    party.host = "192.168.1.10"
    call.offer(party.describe(offering=True))
    answer = call.answer(sdp(HOSTS[1], "audio 5000 RTP/AVP 8"))
    call.chosen()
    assert answer.audio.setup == "passive", "it can reach us, we cannot reach it"
    assert call.port(0).expected["latch"] == "198.51.100.5"
    assert ("shut", call.port(0).id) in call.engine.told


def test_what_a_phone_repeats_does_not_move_its_handshake() -> None:
    call, party = AnyCall(web=[]), Party(0, "dtls-mux")
    call.offer(party.describe(offering=True))
    answer = call.answer(sdp(HOSTS[1], "audio 5000 RTP/AVP 8"))
    call.chosen()
    party.learn(answer.audio, call.now, offering=True)
    party.port = 31_000  # the NAT's, not the announced one
    party.converse(call, call.port(0))
    assert call.port(0).keys == party.keys[False]
    party.port = 4_000
    call.offer(party.describe(offering=True), cseq=2)
    call.answer(sdp(HOSTS[1], "audio 5000 RTP/AVP 8"), cseq=2)
    port = call.port(0)
    call.session.close(call.now)
    assert [target.port for _, target in port.datagrams] == [31_000], "goodbye goes where it was"  # type: ignore[attr-defined]


@pytest.mark.parametrize(("kind", "associations"), [("dtls-mux", 1), ("dtls", 2)])
def test_a_phone_that_waits_for_our_hello_gets_one_for_its_new_certificate(kind: str, associations: int) -> None:
    call, party = AnyCall(web=[]), Party(0, kind)
    for number, certificate in enumerate(CERTIFICATES, 1):
        party.identity = certificate
        call.offer(party.describe(offering=True).replace(b"setup:actpass", b"setup:passive"), cseq=number)
        call.answer(sdp(HOSTS[1], "audio 5000 RTP/AVP 8"), cseq=number)
        assert call.kinds().count("dtls.hello-sent") == number * associations


def test_a_hello_without_a_cookie_leaves_nothing() -> None:
    call, party = AnyCall(web=[]), Party(0, "dtls-mux")
    call.offer(party.describe(offering=True))
    call.answer(sdp(HOSTS[1], "audio 5000 RTP/AVP 8"))
    stranger = DtlsEndpoint(CERTIFICATES[1])
    stranger.receive(dtls.Begun((1, Address(HOSTS[0], 4000))), call.now)
    hello = next(one.data for one in stranger.drain() if isinstance(one, dtls.SendDtls))
    for number in range(100):
        call.session.receive(Climbed(call.port(0).id, call.now, Address(HOSTS[0], 5000 + number), hello), call.now)
    assert "dtls.client-hello" not in call.kinds()
    assert {data[13] for data, _ in call.port(0).datagrams} == {3}, "HelloVerifyRequest and nothing else"


def test_the_echo_service_speaks_every_profile() -> None:
    for kind in SIDES:
        call, party = AnyCall(web=[0] if kind == "browser" else []), Party(0, kind)
        body = call.session.answer_locally(party.describe(offering=True), "echo", call.origin(0), call.now)
        party.learn(SessionDescription.parse(body).audio, call.now, offering=True)
        party.check(call)
        assert call.port(0).plays == "echo"


def test_a_browser_that_calls_a_service_without_an_offer_is_made_one() -> None:
    call, party = AnyCall(web=[0]), Party(0, "browser")
    offered = SessionDescription.parse(call.session.answer_locally(b"", "echo", call.origin(0), call.now))
    is_offered_in(party, offered)
    assert offered.bundle == ("0",)
    party.browser.setup = "active"
    party.browser.learn(offered.audio, call.now)
    call.session.answered_locally(party.describe(offering=False), call.origin(0), call.now)
    party.check(call)
    assert call.port(0).plays == "echo"


def test_sdes_with_an_mki() -> None:
    call, party = AnyCall(web=[]), Party(0, "sdes")
    body = party.describe(offering=True).replace(b"inline:", b"inline:", 1)
    line = str(party.lines[0]).encode()
    call.offer(body.replace(line, line + b"|2^20|1:4"))
    answer = call.answer(sdp(HOSTS[1], "audio 5000 RTP/AVP 8"))
    call.chosen()
    party.learn(answer.audio, call.now, offering=True)
    party.check(call)
    assert call.port(0).mki == b"\0\0\0\1"


def test_keys_of_both_kinds_are_told_apart_by_the_profile() -> None:
    """Some write a fingerprint and keys, or DTLS under the profile of SDES (as browsers did once)."""
    both = Party(0, "sdes")
    call = AnyCall(web=[])
    extra = f"a=fingerprint:{both.identity.fingerprint}\r\na=setup:actpass\r\n".encode()
    offered = call.offer(both.describe(offering=True) + extra)
    is_offered_in(Party(1, "rtp"), offered)
    answer = call.answer(sdp(HOSTS[1], "audio 5000 RTP/AVP 8"))
    call.chosen()
    both.learn(answer.audio, call.now, offering=True)
    both.check(call)
    early = Party(0, "dtls-mux")
    early.profile = Profile("RTP/SAVPF", dtls=True, mux=True)
    call = AnyCall(web=[])
    call.offer(early.describe(offering=True))
    answer = call.answer(sdp(HOSTS[1], "audio 5000 RTP/AVP 8"))
    call.chosen()
    early.learn(answer.audio, call.now, offering=True)
    early.check(call)


@pytest.mark.parametrize("role", ["active", "actpass", "passive", "holdconn"])
def test_every_role_of_an_offer_is_answered_with_its_counterpart(role: str) -> None:
    call, party = AnyCall(web=[]), Party(0, "dtls-mux")
    offer = party.describe(offering=True).replace(b"setup:actpass", b"setup:" + role.encode())
    call.offer(offer)
    answer = call.answer(sdp(HOSTS[1], "audio 5000 RTP/AVP 8"))
    # RFC 4145 section 4.1. holdconn is no role of DTLS (RFC 8842 section 5.1), and is taken for none.
    assert answer.audio.setup == {"passive": "active"}.get(role, "passive")


@pytest.mark.parametrize(
    ("line", "profile"),
    [
        ("audio 4000 RTP/AVP 8", "RTP/AVP"),
        ("audio 4000 RTP/AVPF 8", "RTP/AVP"),
        ("audio 4000/2 RTP/SAVPF 8", "RTP/SAVPF"),
        ("video 4000 UDP/TLS/RTP/SAVPF 96", "UDP/TLS/RTP/SAVP"),
        ("image 4000 udptl t38", None),
    ],
)
def test_the_profile_of_an_offer_is_that_of_its_first_rtp_section(line: str, profile: str | None) -> None:
    assert policy.Profile.of(sdp(HOSTS[0], line)) == profile
