"""Every profile with every other: what each side speaks is what it reads and hears, whatever the other speaks."""

from dataclasses import replace
from itertools import permutations, product

import pytest
from tests.media.browser import WebCall, converse
from tests.media.in_memory import sdp
from tests.media.parties import CERTIFICATES, HOSTS, PROFILES, SIDES, AnyCall, Party, Profile

from talkpath.base.address import Address
from talkpath.ice import events as ice
from talkpath.media import Climbed, Exchange, MediaAddress, policy
from talkpath.sdp import SessionDescription
from talkpath.secure import events as dtls
from talkpath.secure.endpoint import DtlsEndpoint


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
    assert [target[1] for _, target in port.datagrams] == [31_000], "goodbye goes where it was"


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
