"""A phone without encryption and one with, through the relay: keys, forgeries, replays, latching."""

import pytest
from tests.native.rtp_peers import (
    DTLS,
    HIGH,
    LOW,
    PCMA,
    Peer,
    Peers,
    next_events,
    rtcp,
    rtp,
    stun_message,
    until,
)

from talkpath._native import Climbed, FirstHeard, Latched, Port, Relay, Srtp
from talkpath.ice import stun

SUITES = {
    "AES_CM_128_HMAC_SHA1_80": (16, 14),
    "AES_CM_128_HMAC_SHA1_32": (16, 14),
    "AEAD_AES_128_GCM": (16, 12),
    "AEAD_AES_256_GCM": (32, 12),
}


def master(suite: str, seed: int) -> tuple[bytes, bytes]:
    key, salt = SUITES[suite]
    return bytes([seed]) * key, bytes([seed + 1]) * salt


class Secured:
    """A browser's SRTP towards one port of the relay."""

    def __init__(self, suite: str = "AEAD_AES_128_GCM") -> None:
        self.suite = suite
        self.ours, self.theirs = master(suite, 10), master(suite, 20)
        self.sealer, self.opener = Srtp(suite, *self.theirs), Srtp(suite, *self.ours)

    def agree(self, relay: Relay, port: Port) -> None:
        relay.secure(port, self.suite, self.ours, self.theirs)


class Bridge:
    """A browser on a secured port, a phone on a plain one, routed to each other."""

    def __init__(self, relay: Relay, peers: Peers, keys: Secured) -> None:
        self.relay, self.keys = relay, keys
        self.browser, self.phone = peers(), peers()
        self.secured, self.plain = (relay.open("127.0.0.1", LOW, HIGH) for _ in range(2))
        relay.shut(self.secured)
        relay.expect(self.secured, rtp=self.browser.address, mux=True, formats=PCMA, climb=True)
        relay.expect(self.plain, rtp=self.phone.address, mux=True, formats=PCMA)
        relay.route(self.secured, self.plain)
        relay.route(self.plain, self.secured)

    def say(self, packet: bytes) -> None:
        self.browser.send(self.secured, self.keys.sealer.protect(packet))


@pytest.mark.parametrize("suite", SUITES)
def test_what_one_side_seals_the_other_hears_plain(relay: Relay, peer: Peers, suite: str) -> None:
    bridge = Bridge(relay, peer, Secured(suite))
    bridge.keys.agree(relay, bridge.secured)
    for number in range(3):
        bridge.say(rtp(number))
        assert bridge.phone.receive()[0] == rtp(number)
        bridge.phone.send(bridge.plain, rtp(number, ssrc=9))
        sealed, _ = bridge.browser.receive()
        assert sealed[12:] != rtp(number)[12:]
        assert bridge.keys.opener.unprotect(sealed) == rtp(number, ssrc=9)
    bridge.browser.send(bridge.secured, bridge.keys.sealer.protect_rtcp(rtcp()))
    assert bridge.phone.receive()[0] == rtcp()
    bridge.phone.send(bridge.plain, rtcp(9))
    assert bridge.keys.opener.unprotect_rtcp(bridge.browser.receive()[0]) == rtcp(9)


def test_between_two_encrypted_sides_nothing_is_in_the_clear(relay: Relay, peer: Peers) -> None:
    bridge = Bridge(relay, peer, Secured())
    other = Secured("AES_CM_128_HMAC_SHA1_32")
    bridge.keys.agree(relay, bridge.secured)
    other.agree(relay, bridge.plain)
    bridge.say(rtp(1))
    sealed, _ = bridge.phone.receive()
    assert other.opener.unprotect(sealed) == rtp(1)


def test_until_there_are_keys_nothing_passes_but_the_handshake(relay: Relay, peer: Peers) -> None:
    bridge = Bridge(relay, peer, Secured())
    bridge.browser.send(bridge.secured, rtp(1))
    bridge.phone.send(bridge.plain, rtp(1))
    until(lambda: relay.totals(bridge.plain).heard_packets == 1 and relay.totals(bridge.secured).unauthentic == 1)
    bridge.browser.send(bridge.secured, DTLS)
    assert any(isinstance(event, Climbed) and event.data == DTLS for event in next_events(relay, 2))
    assert bridge.browser.has_nothing()
    assert bridge.phone.has_nothing()
    bridge.keys.agree(relay, bridge.secured)
    bridge.say(rtp(2))
    assert bridge.phone.receive()[0] == rtp(2)


def test_forged_clear_and_replayed_packets_pass_nothing(relay: Relay, peer: Peers) -> None:
    bridge = Bridge(relay, peer, Secured())
    bridge.keys.agree(relay, bridge.secured)
    sealed = bridge.keys.sealer.protect(rtp(1))
    for packet in (rtp(1), sealed[:-1] + b"\0", b"\x80", sealed[:20]):
        bridge.browser.send(bridge.secured, packet)
    until(lambda: relay.totals(bridge.secured).unauthentic + relay.totals(bridge.secured).malformed == 4)
    bridge.browser.send(bridge.secured, sealed)
    bridge.browser.send(bridge.secured, sealed)
    bridge.say(rtp(2))
    assert [bridge.phone.receive()[0] for _ in range(2)] == [rtp(1), rtp(2)]
    assert relay.totals(bridge.secured).replayed == 1
    assert bridge.phone.has_nothing()


def test_the_same_keys_again_keep_the_rollover_counter(relay: Relay, peer: Peers) -> None:
    bridge = Bridge(relay, peer, Secured())
    bridge.keys.agree(relay, bridge.secured)
    for number in (65534, 65535, 65536):
        bridge.say(rtp(number))
        assert bridge.phone.receive()[0] == rtp(number)
    bridge.keys.agree(relay, bridge.secured)
    relay.expect(bridge.secured, rtp=bridge.browser.address, mux=True, formats=PCMA, climb=True)
    bridge.say(rtp(65537))
    assert bridge.phone.receive()[0] == rtp(65537)


def latches(relay: Relay) -> list[tuple[str, int]]:
    return [event.source for event in relay.events() if isinstance(event, Latched)]


def test_an_address_is_latched_only_after_srtp_was_authentic(relay: Relay, peer: Peers) -> None:
    phone, thief, listener = peer(), peer(), peer()
    keys = Secured()
    secured, plain = (relay.open("127.0.0.1", LOW, HIGH) for _ in range(2))
    keys.agree(relay, secured)
    relay.expect(secured, rtp=("10.0.0.1", 4000), mux=True, latch="127.0.0.1", formats=PCMA)
    relay.expect(plain, rtp=listener.address, mux=True, formats=PCMA)
    relay.route(secured, plain)
    for number in range(1, 6):
        thief.send(secured, rtp(number))
    until(lambda: relay.totals(secured).unauthentic == 5)
    assert latches(relay) == []
    for number in range(1, 4):
        phone.send(secured, keys.sealer.protect(rtp(number)))
    assert listener.receive()[0] == rtp(2)
    told = next_events(relay)
    assert next(event.source for event in told if isinstance(event, Latched | FirstHeard)) == phone.address


def test_echo_and_tone_are_sealed_too(relay: Relay, peer: Peers) -> None:
    browser: Peer = peer()
    keys = Secured()
    port = relay.open("127.0.0.1", LOW, HIGH)
    relay.expect(port, rtp=browser.address, mux=True, formats=PCMA)
    keys.agree(relay, port)
    relay.reflect(port)
    browser.send(port, keys.sealer.protect(rtp(1)))
    assert keys.opener.unprotect(browser.receive()[0])[12:] == rtp(1)[12:]
    relay.tone(port, 8, "PCMA")
    assert len(keys.opener.unprotect(browser.receive()[0])) == 172


def test_wrong_keys_are_our_mistake(relay: Relay) -> None:
    port = relay.open("127.0.0.1", LOW, HIGH)
    with pytest.raises(ValueError, match="length"):
        relay.secure(port, "AEAD_AES_256_GCM", master("AEAD_AES_128_GCM", 1), master("AEAD_AES_256_GCM", 2))
    with pytest.raises(ValueError, match="suite"):
        relay.secure(port, "F8", (b"", b""), (b"", b""))


def test_only_checks_that_know_our_ufrag_and_password_climb(relay: Relay, peer: Peers) -> None:
    stranger, browser = peer(), peer()
    port = relay.open("127.0.0.1", LOW, HIGH)
    relay.expect(port, rtp=None, mux=True, ice=True)
    relay.checks(port, [("ours", "secret")])
    wanted = stun_message(stun.Kind.REQUEST, "ours:them", "secret")
    stranger.send(port, stun_message(stun.Kind.REQUEST, "them:ours", "secret"))
    browser.send(port, wanted)
    (climbed,) = next_events(relay)
    assert isinstance(climbed, Climbed)
    assert climbed.data == wanted
    assert relay.totals(port).strangers == 1


@pytest.mark.parametrize("kind", [stun.Kind.REQUEST, stun.Kind.SUCCESS, stun.Kind.ERROR, stun.Kind.INDICATION])
def test_a_flood_of_stun_does_not_keep_the_peer_from_being_heard(relay: Relay, peer: Peers, kind: stun.Kind) -> None:
    """Whoever it is from: what has not our password, or answers nothing, takes no place of the peer's checks."""
    browser, stranger = peer(), peer()
    port = relay.open("127.0.0.1", LOW, HIGH)
    relay.expect(port, rtp=None, mux=True, ice=True)
    relay.checks(port, [("ours", "secret")])
    flood, wanted = stun_message(kind, "ours:x", "guessed"), stun_message(stun.Kind.REQUEST, "ours:them", "secret")
    climbed: list[bytes] = []

    def judged() -> int:
        climbed.extend(event.data for event in relay.events() if isinstance(event, Climbed))
        return len(climbed) + relay.totals(port).strangers

    for number in range(50, 501, 50):
        for _ in range(50):
            stranger.send(port, flood)
        until(lambda number=number: judged() == number)
    browser.send(port, wanted)
    until(lambda: judged() == 501)
    assert climbed[-1] == wanted


@pytest.mark.parametrize("suite", SUITES)
def test_packets_with_an_mki_are_opened(relay: Relay, peer: Peers, suite: str) -> None:
    keys = Secured(suite)
    bridge = Bridge(relay, peer, keys)
    relay.secure(bridge.secured, suite, keys.ours, keys.theirs, mki=b"MKI4")
    # RFC 3711 section 3.1: before the tag; RFC 7714 section 8.2: behind the tag, which is part of the cipher there.
    tags = {"AES_CM_128_HMAC_SHA1_80": (10, 10), "AES_CM_128_HMAC_SHA1_32": (4, 10)}.get(suite, (0, 0))

    def marked(sealed: bytes, tag: int) -> bytes:
        return sealed[: len(sealed) - tag] + b"MKI4" + sealed[len(sealed) - tag :]

    bridge.browser.send(bridge.secured, marked(keys.sealer.protect(rtp(1)), tags[0]))
    assert bridge.phone.receive()[0] == rtp(1)
    bridge.browser.send(bridge.secured, marked(keys.sealer.protect_rtcp(rtcp()), tags[1]))
    assert bridge.phone.receive()[0] == rtcp()
    bridge.say(rtp(2))
    until(lambda: relay.totals(bridge.secured).unauthentic == 1)


def test_rtcp_on_a_port_of_its_own_has_keys_of_its_own(relay: Relay, peer: Peers) -> None:
    media, reports = Secured(), Secured("AES_CM_128_HMAC_SHA1_80")
    phone, (web, web_rtcp) = peer(), peer.pair()
    secured, plain = (relay.open("127.0.0.1", LOW, HIGH) for _ in range(2))
    relay.shut(secured)
    relay.expect(secured, rtp=web.address, rtcp=web_rtcp.address, formats=PCMA, climb=True)
    relay.expect(plain, rtp=phone.address, mux=True, formats=PCMA)
    relay.route(secured, plain)
    relay.route(plain, secured)
    relay.secure(secured, reports.suite, reports.ours, reports.theirs, rtcp=True)
    media.agree(relay, secured)
    web.send(secured, media.sealer.protect(rtp(1)))
    assert phone.receive()[0] == rtp(1)
    web_rtcp.send(secured, reports.sealer.protect_rtcp(rtcp()), to_rtcp=True)
    assert phone.receive()[0] == rtcp()
    phone.send(plain, rtcp(9))
    assert reports.opener.unprotect_rtcp(web_rtcp.receive()[0]) == rtcp(9)
    web_rtcp.send(secured, media.sealer.protect_rtcp(rtcp()), to_rtcp=True)
    until(lambda: relay.totals(secured).unauthentic == 1)
    web_rtcp.send(secured, DTLS, to_rtcp=True)
    climbed = next(event for event in next_events(relay, 2) if isinstance(event, Climbed))
    assert climbed.rtcp
