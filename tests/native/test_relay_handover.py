"""Ports that another relay goes on with: what it hears and says from the first packet on, and what it refuses."""

import errno
import socket
import struct
from collections.abc import Callable, Iterator

import msgspec
import pytest
from tests.native.rtp_peers import HIGH, LOW, PCMA, Peers, next_events, rtcp, rtp, until
from tests.native.test_relay_bundle import Bundle, pli
from tests.native.test_relay_srtp import Bridge, Secured
from tests.native.test_relay_transcoding import bridge as converting
from tests.native.test_relay_transcoding import talk, words
from tests.native.test_srtp import SUITES, keys_of

from talkpath._native import Advanced, FirstHeard, Latched, Port, Relay, Srtp, TimedOut

# Packets that an heir leaves free, at least, and after which a port is to be saved again (`relay/ahead.rs`).
STEP, SAVED_FOR = 4096, 2048


@pytest.fixture(name="heir")
def an_heir() -> Iterator[Relay]:
    relay = Relay()
    yield relay
    relay.shutdown()


class Pair:
    """Two phones without encryption on two ports, RTCP beside RTP."""

    def __init__(self, relay: Relay, peers: Peers, *, latch: str | None = None) -> None:
        self.alice, self.bob = peers(), peers()
        self.ports = [relay.open("127.0.0.1", LOW, HIGH) for _ in range(2)]
        signalled = ("10.9.9.9", 4000) if latch else self.alice.address
        relay.expect(self.ports[0], rtp=signalled, mux=True, latch=latch, formats=PCMA)
        relay.expect(self.ports[1], rtp=self.bob.address, mux=True, formats=PCMA)
        relay.route(self.ports[0], self.ports[1])
        relay.route(self.ports[1], self.ports[0])

    def talks(self, sequence: int) -> None:
        """Both hear each other, and each other's reports."""
        both = (self.alice, self.ports[0], self.bob), (self.bob, self.ports[1], self.alice)
        for speaker, port, listener in both:
            for packet in (rtp(sequence), rtcp()):
                speaker.send(port, packet)
                assert listener.receive() == (packet, self.other(port).rtp)

    def other(self, port: Port) -> Port:
        return self.ports[1] if port is self.ports[0] else self.ports[0]


def is_unbound(port: int) -> bool:
    """A worker may hold a socket for the moment in which it has just sent."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def handed_over(relay: Relay, heir: Relay, ports: list[Port], number: int = 1) -> list[Port]:
    state = relay.save(ports)
    relay.shutdown()
    return heir.adopt(state, heir=number)


def test_a_call_goes_on_at_the_same_ports_without_being_told(relay: Relay, heir: Relay, peer: Peers) -> None:
    pair = Pair(relay, peer)
    pair.talks(1)
    before = [(port.host, port.rtp) for port in pair.ports]
    pair.ports = handed_over(relay, heir, pair.ports)
    assert [(port.host, port.rtp) for port in pair.ports] == before
    pair.talks(2)
    heard = heir.totals(pair.ports[0])
    assert (heard.heard_packets, heard.heard_rtcp, heard.sent_packets, heard.strangers) == (2, 2, 2, 0)
    assert heir.counters()["heard_packets"] == 2, "what the first had counted is no news"
    assert not [event for event in heir.events() if isinstance(event, FirstHeard)]


def test_who_was_found_behind_a_nat_stays_found_and_nobody_takes_the_place(
    relay: Relay, heir: Relay, peer: Peers
) -> None:
    pair, thief = Pair(relay, peer, latch="127.0.0.1"), peer()
    for number in range(3):
        pair.alice.send(pair.ports[0], rtp(number))
    pair.bob.receive()
    assert any(isinstance(event, Latched) for event in next_events(relay, 2))
    pair.bob.receive()
    pair.ports = handed_over(relay, heir, pair.ports)
    pair.bob.send(pair.ports[1], rtp(7))
    assert pair.alice.receive()[0] == rtp(7), "before a packet of it was seen here"
    before = heir.totals(pair.ports[0]).strangers
    for number in range(9):
        thief.send(pair.ports[0], rtp(number, ssrc=5))
    until(lambda: heir.totals(pair.ports[0]).strangers == before + 9)
    pair.talks(8)


def test_after_the_last_saving_nothing_is_heard_or_said_and_the_heir_steps_nowhere(
    relay: Relay, heir: Relay, peer: Peers
) -> None:
    alice, bob = peer(), peer()
    a, b = converting(relay, alice, bob)
    suite = "AEAD_AES_128_GCM"
    relay.secure(b, suite, keys_of(suite), keys_of(suite))
    opener = Srtp(suite, *keys_of(suite))

    def said(sequences: range) -> list[tuple[int, int, int, int]]:
        return [words(opener.unprotect(packet)) for packet in talk(alice, a, bob, sequences)]

    before = said(range(5))
    state = relay.save([a, b], last=True)
    alice.send(a, rtp(5))
    assert bob.has_nothing()
    assert (relay.close(a).heard_packets, relay.close(b).sent_packets) == (5, 5)
    until(lambda: all(map(is_unbound, (a.rtp, a.rtcp, b.rtp, b.rtcp))))
    a, b = heir.adopt(state)
    after = said(range(6, 9))
    assert [one[1] - before[-1][1] for one in after] == [1, 2, 3]
    # Another that goes on from there, because the first died at once, steps over what that may have said.
    heir.close(a)
    heir.close(b)
    until(lambda: all(map(is_unbound, (a.rtp, a.rtcp, b.rtp, b.rtcp))))
    a, b = heir.adopt(state, heir=2)
    assert said(range(9, 10))[0][1] - before[-1][1] > STEP


def test_what_was_sealed_too_long_ago_is_not_gone_on_with(relay: Relay, heir: Relay, peer: Peers) -> None:
    call = Bridge(relay, peer, Secured())
    call.keys.agree(relay, call.secured)
    call.phone.send(call.plain, rtp(1, ssrc=9))
    call.browser.receive()
    state = relay.save([call.secured, call.plain])
    relay.shutdown()
    told = msgspec.msgpack.decode(state)
    with pytest.raises(ValueError, match="more packets may have been sealed"):
        heir.adopt(msgspec.msgpack.encode({**told, "at": told["at"] - 300}))
    heir.adopt(msgspec.msgpack.encode({**told, "at": told["at"] - 200}))


def test_whom_ice_approved_is_heard_and_nobody_else(relay: Relay, heir: Relay, peer: Peers) -> None:
    browser, phone, stranger = peer(), peer(), peer()
    ports = [relay.open("127.0.0.1", LOW, HIGH) for _ in range(2)]
    relay.expect(ports[0], rtp=None, mux=True, ice=True, formats=PCMA)
    relay.checks(ports[0], [("ours", "a password of ours")])
    relay.approve(ports[0], browser.address)
    relay.expect(ports[1], rtp=phone.address, formats=PCMA)
    relay.route(ports[0], ports[1])
    relay.route(ports[1], ports[0])
    ports = handed_over(relay, heir, ports)
    stranger.send(ports[0], rtp(1))
    browser.send(ports[0], rtp(2))
    phone.send(ports[1], rtp(3))
    assert (phone.receive()[0], browser.receive()[0]) == (rtp(2), rtp(3))
    assert heir.totals(ports[0]).strangers == 1


@pytest.mark.parametrize("suite", SUITES)
def test_a_sequence_that_wraps_unseen_is_sealed_and_opened_all_the_same(
    relay: Relay, heir: Relay, peer: Peers, suite: str
) -> None:
    keys = Secured()
    keys.suite, keys.ours, keys.theirs = suite, keys_of(suite), keys_of(suite)
    keys.sealer, keys.opener = Srtp(suite, *keys.theirs), Srtp(suite, *keys.ours)
    call = Bridge(relay, peer, keys)
    keys.agree(relay, call.secured)
    for number in range(65533, 65536):
        call.say(rtp(number))
        assert call.phone.receive()[0] == rtp(number)
        call.phone.send(call.plain, rtp(number, ssrc=9))
        keys.opener.unprotect(call.browser.receive()[0])
    state = relay.save([call.secured, call.plain])
    for number in range(65536, 65540):
        call.say(rtp(number))
        call.phone.receive()
        call.phone.send(call.plain, rtp(number, ssrc=9))
        keys.opener.unprotect(call.browser.receive()[0])
    relay.shutdown()
    call.secured, call.plain = heir.adopt(state)
    call.say(rtp(65540))
    assert call.phone.receive()[0] == rtp(65540)
    call.phone.send(call.plain, rtp(65540, ssrc=9))
    assert keys.opener.unprotect(call.browser.receive()[0]) == rtp(65540, ssrc=9)
    call.phone.send(call.plain, rtcp(9))
    assert keys.opener.unprotect_rtcp(call.browser.receive()[0]) == rtcp(9)


def test_reports_are_sealed_under_no_index_that_the_first_may_have_used(
    relay: Relay, heir: Relay, peer: Peers
) -> None:
    call = Bridge(relay, peer, Secured())
    call.keys.agree(relay, call.secured)

    def report() -> bytes:
        call.phone.send(call.plain, rtcp(9))
        return call.browser.receive()[0]

    state = relay.save([call.secured, call.plain])
    unsaved = {report() for _ in range(5)}
    relay.shutdown()
    call.secured, call.plain = heir.adopt(state)
    assert len(unsaved | {report() for _ in range(5)}) == 10
    for number in (2, 3):
        again = Relay()
        state = heir.save([call.secured, call.plain])
        heir.shutdown()
        call.secured, call.plain = again.adopt(state, heir=number)
        assert call.keys.opener.unprotect_rtcp(report()) == rtcp(9)
        heir = again
    heir.shutdown()


@pytest.mark.parametrize("is_saved_early", [True, False])
def test_a_converted_stream_steps_ahead_and_its_hearer_goes_on(
    relay: Relay, heir: Relay, peer: Peers, is_saved_early: bool
) -> None:
    alice, bob = peer(), peer()
    a, b = converting(relay, alice, bob)
    suite = "AEAD_AES_128_GCM"
    relay.secure(b, suite, keys_of(suite), keys_of(suite))
    opener = Srtp(suite, *keys_of(suite))

    def said(sequences: range) -> list[tuple[int, int, int, int]]:
        return [words(opener.unprotect(packet)) for packet in talk(alice, a, bob, sequences)]

    state = relay.save([a, b])
    before = said(range(5))
    if not is_saved_early:
        state = relay.save([a, b])
        before += said(range(5, 9))
    relay.shutdown()
    a, b = heir.adopt(state)
    after = said(range(9, 12))
    assert {source for *_, source in after} == {before[0][3]}
    steps = [(one[1] - before[-1][1]) % 65536 for one in after]
    assert STEP - 10 < steps[0] < 1 << 15
    assert steps == list(range(steps[0], steps[0] + 3))
    ticks = (after[0][2] - before[-1][2]) % 2**32
    assert ticks < 60 * 8000 or ticks > 2**32 - 9 * 160, "the time that passed, and no more"
    # The second heir of the same state, should the first die at once, meets neither.
    heir.shutdown()
    third = Relay()
    a, b = third.adopt(state, heir=2)
    assert (said(range(12, 13))[0][1] - after[-1][1]) % 65536 in range(STEP - 10, 1 << 15)
    third.shutdown()


def test_the_speakers_own_source_and_numbers_are_promised_still(relay: Relay, heir: Relay, peer: Peers) -> None:
    alice, bob = peer(), peer()
    a, b = converting(relay, alice, bob)
    relay.transcode(a, [(8, 8000, "PCMA", None)], 0, "PCMU", ssrc=0x1234)
    first = words(talk(alice, a, bob, [100])[0])
    assert first[1:] == (100, 16000, 0x1234)
    a, b = handed_over(relay, heir, [a, b])
    again = words(talk(alice, a, bob, [101])[0])
    assert again[3] == 0x1234
    assert STEP < again[1] - 100 < 1 << 15


def test_a_tone_goes_on_ahead_and_what_is_reflected_keeps_its_source(relay: Relay, heir: Relay, peer: Peers) -> None:
    hearer, talker = peer(), peer()
    tone, echo = (relay.open("127.0.0.1", LOW, HIGH) for _ in range(2))
    relay.expect(tone, rtp=hearer.address, formats=PCMA)
    relay.expect(echo, rtp=talker.address, formats=PCMA)
    relay.tone(tone, 8, "PCMA", frequency=440, level_dbm0=-10.0)
    relay.reflect(echo)
    before = words(hearer.receive()[0])
    own = words(talk(talker, echo, talker, [1])[0])
    tone, echo = handed_over(relay, heir, [tone, echo])
    while (after := words(hearer.receive()[0]))[1] - before[1] < 1000:
        pass
    assert (after[0], after[3]) == (before[0], before[3])
    assert after[1] - before[1] < 1 << 15
    assert words(talk(talker, echo, talker, [2])[0])[1:] == (2, 320, own[3])
    assert own[3] != 0x1234


def test_sections_of_one_transport_are_told_apart_as_before(relay: Relay, heir: Relay, peer: Peers) -> None:
    bundle = Bundle(relay, peer, stamp=True)
    bundle.say(rtp(1))
    assert bundle.audio.receive()[0] == rtp(1)
    bundle.video.send(bundle.phones[1], rtp(1, payload_type=96, ssrc=22))
    bundle.heard()
    relay.renumber(bundle.second, [(97, 96)])
    ports = [bundle.second, *bundle.phones, bundle.first]
    bundle.second, *bundle.phones, bundle.first = handed_over(relay, heir, ports)
    assert bundle.second.rtp == bundle.first.rtp
    bundle.say(rtp(2, payload_type=97, ssrc=500))
    assert bundle.video.receive()[0] == rtp(2, payload_type=96, ssrc=500), "by the source that was named"
    bundle.say(rtp(3))
    assert bundle.audio.receive()[0] == rtp(3)
    bundle.report(pli(1, 22))
    assert bundle.video.receive()[0] == pli(1, 22), "by the stream that was sent before"
    bundle.video.send(bundle.phones[1], rtp(4, payload_type=96, ssrc=22))
    heard = bundle.heard()
    assert (heard[1] & 0x7F, heard[16:18]) == (97, b"\x40" + b"1"), "its number, and the MID"
    heir.close(bundle.first)


def test_a_section_that_closed_is_not_looked_for(relay: Relay, heir: Relay, peer: Peers) -> None:
    bundle = Bundle(relay, peer)
    relay.close(bundle.second)
    relay.close(bundle.phones[1])
    bundle.first, bundle.phones[0] = handed_over(relay, heir, [bundle.first, bundle.phones[0]])
    bundle.say(rtp(1))
    assert bundle.audio.receive()[0] == rtp(1)


def test_silence_is_watched_anew(relay: Relay, heir: Relay, peer: Peers) -> None:
    pair = Pair(relay, peer)
    relay.watch(pair.ports[0], 0.3)
    pair.ports = handed_over(relay, heir, pair.ports)
    told = [event for event in next_events(heir) if isinstance(event, TimedOut)]
    assert [event.port for event in told] == [pair.ports[0].id]


def is_free(relay: Relay, port: Port) -> bool:
    leased = relay.open(port.host, port.rtp, port.rtp + 1)
    relay.close(leased)
    return True


def test_a_pair_that_another_has_opens_nothing(relay: Relay, heir: Relay, peer: Peers) -> None:
    pair = Pair(relay, peer)
    state = relay.save(pair.ports)
    relay.close(pair.ports[0])
    with pytest.raises(OSError, match=f"127.0.0.1:{pair.ports[1].rtp}") as taken:
        heir.adopt(state)
    assert taken.value.errno == errno.EADDRINUSE
    assert heir.counters()["ports"] == 0
    assert is_free(heir, pair.ports[0])
    relay.shutdown()
    assert len(heir.adopt(state)) == 2
    with pytest.raises(OSError, match="in use"):
        heir.adopt(state)


def changed(state: bytes, change: Callable[[dict[str, object]], object]) -> bytes:
    fields: dict[str, object] = msgspec.msgpack.decode(state)
    change(fields)
    return msgspec.msgpack.encode(fields)


def first(fields: dict[str, object]) -> dict[str, object]:
    ports = fields["ports"]
    assert isinstance(ports, list)
    port: dict[str, object] = ports[0]
    return port


def test_an_address_that_has_not_come_yet_is_said(relay: Relay, heir: Relay, peer: Peers) -> None:
    pair = Pair(relay, peer)
    away = changed(relay.save(pair.ports), lambda fields: first(fields).update(host={"V4": [192, 0, 2, 7]}))
    relay.shutdown()
    with pytest.raises(OSError, match=r"192\.0\.2\.7:") as absent:
        heir.adopt(away)
    assert absent.value.errno == errno.EADDRNOTAVAIL
    assert is_free(heir, pair.ports[1])


def test_a_later_version_is_refused_and_fields_of_it_are_left_out(relay: Relay, heir: Relay, peer: Peers) -> None:
    pair = Pair(relay, peer)
    state = relay.save(pair.ports)
    relay.shutdown()
    with pytest.raises(ValueError, match="version 2"):
        heir.adopt(changed(state, lambda fields: fields.update(version=2)))

    def of_another_time(fields: dict[str, object]) -> None:
        fields["later"] = {"a": [1, {"b": None}]}
        first(fields)["later"] = [b"", -1.5]
        for name in ("converts", "was_heard", "receipts", "totals", "checks", "strangers", "sums", "watch_ns"):
            first(fields).pop(name, None)

    pair.ports = heir.adopt(changed(state, of_another_time))
    pair.talks(1)


def test_what_is_no_state_opens_nothing(relay: Relay, heir: Relay, peer: Peers) -> None:
    bundle = Bundle(relay, peer)
    bundle.say(rtp(1))
    bundle.audio.receive()
    state = relay.save([bundle.first, bundle.second, *bundle.phones])
    relay.shutdown()
    for length in range(0, len(state), 7):
        with pytest.raises(ValueError, match="no state"):
            heir.adopt(state[:length])
    for name, wrong in {"number": 4001, "carrier": 9, "outlet": {"Port": 77}, "latch": 1}.items():
        with pytest.raises(ValueError, match="no state"):
            heir.adopt(changed(state, lambda fields, name=name, wrong=wrong: first(fields).update({name: wrong})))
    with pytest.raises(ValueError, match="no state"):
        heir.adopt(changed(state, lambda fields: first(fields)["guard"]["rtp"]["Srtp"]["ours"].update(key=b"short")))  # type: ignore[index]
    with pytest.raises(ValueError, match="heirs"):
        heir.adopt(state, heir=4)
    assert heir.counters()["ports"] == 0
    assert len(heir.adopt(state)) == 4


def test_a_port_is_saved_with_those_it_leads_to(relay: Relay, peer: Peers) -> None:
    bundle = Bundle(relay, peer)
    for ports in ([bundle.first, bundle.second], [bundle.first, *bundle.phones], [bundle.second, *bundle.phones]):
        with pytest.raises(ValueError, match="saved with it"):
            relay.save(ports)
    relay.close(bundle.phones[0])
    relay.close(bundle.phones[1])
    relay.save([bundle.first, bundle.second])


def test_a_secured_port_asks_to_be_saved_again(relay: Relay, peer: Peers) -> None:
    call = Bridge(relay, peer, Secured())
    call.keys.agree(relay, call.secured)
    # A plain one has nothing of its own that counts. Its timeout says that time passed.
    other = Pair(relay, peer)

    def passed() -> list[int]:
        relay.watch(other.ports[0], 0.25)
        told: list[object] = []
        while not any(isinstance(event, TimedOut) for event in told):
            told += next_events(relay)
        return [event.port for event in told if isinstance(event, Advanced)]

    def save() -> None:
        relay.save([call.secured, call.plain])
        relay.save(other.ports)

    call.say(rtp(1))
    call.phone.receive()
    assert passed() == [], "nobody asked"
    save()
    assert passed() == []
    call.phone.send(call.plain, rtp(1, ssrc=9))
    call.browser.receive()
    assert passed() == [call.secured.id], "a stream that nobody knew"
    call.say(rtp(2, ssrc=77))
    call.phone.receive()
    assert passed() == [], "once"
    save()
    for number in range(2, SAVED_FOR + 1):
        call.phone.send(call.plain, rtp(number, ssrc=9))
        call.browser.receive()
        other.alice.send(other.ports[0], rtp(number))
        other.bob.receive()
    assert passed() == []
    call.phone.send(call.plain, rtp(SAVED_FOR + 1, ssrc=9))
    call.browser.receive()
    assert passed() == [call.secured.id]


def test_who_went_on_asks_to_be_saved_at_once(relay: Relay, heir: Relay, peer: Peers) -> None:
    alice, bob = peer(), peer()
    ports = handed_over(relay, heir, list(converting(relay, alice, bob)))
    told = [event.port for event in next_events(heir, 2) if isinstance(event, Advanced)]
    assert sorted(told) == [port.id for port in ports]


def test_one_relay_may_save_what_it_went_on_with(relay: Relay, heir: Relay, peer: Peers) -> None:
    pair = Pair(relay, peer)
    state = relay.save(pair.ports)
    relay.shutdown()
    pair.ports = heir.adopt(state)
    pair.talks(1)
    state = heir.save(pair.ports)
    heir.shutdown()
    third = Relay(workers=2)
    pair.ports = third.adopt(state)
    pair.talks(2)
    third.shutdown()


def test_after_very_many_heirs_the_hearer_follows_and_no_index_came_twice(peer: Peers) -> None:
    """Each goes on from what the one before had saved some packets earlier; the sequence wraps many times."""
    suite, ours, theirs = "AEAD_AES_128_GCM", (b"k" * 16, b"s" * 12), (b"x" * 16, b"y" * 12)
    alice, bob, relay = peer(), peer(), Relay()
    a, b = converting(relay, alice, bob)
    relay.secure(a, suite, ours, theirs)
    relay.secure(b, suite, ours, theirs)
    speaker, opener = Srtp(suite, *theirs), Srtp(suite, *ours)
    used: list[int] = []

    def say(numbers: range) -> None:
        for number in numbers:
            alice.send(a, speaker.protect(rtp(number)))
            opener.unprotect(bob.receive()[0])
            used.append(opener.streams()[0][1])
            alice.send(a, speaker.protect_rtcp(struct.pack("!BBHIQIII", 0x80, 200, 6, 0x1234, 77, 0, 4, 640)))
            opener.unprotect_rtcp(bob.receive()[0])

    say(range(65400, 65403))
    for turn in range(50):
        state, first = relay.save([a, b]), 65403 + 5 * turn
        say(range(first, first + 3))
        relay.shutdown()
        relay = Relay()
        a, b = relay.adopt(state, heir=1 + turn % 3)
        say(range(first + 3, first + 5))
    relay.shutdown()
    assert len(set(used)) == len(used) == 253
    assert used[-1] > 5 << 16
