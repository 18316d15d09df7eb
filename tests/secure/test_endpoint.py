"""DTLS endpoints against each other, a bad network, and the attacks that silenced others."""

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from OpenSSL import SSL

from talkpath._native import Srtp
from talkpath.base.address import Address
from talkpath.base.limits import DTLS_HANDSHAKES
from talkpath.secure.certificate import Fingerprint
from talkpath.secure.endpoint import DtlsEndpoint
from talkpath.secure.events import (
    AlertIgnored,
    Begun,
    ClientHelloArrived,
    DtlsArrived,
    Ended,
    FingerprintMatched,
    FingerprintMismatched,
    HandshakeFailed,
    PathSelected,
    PeerClosed,
    RemoteDescribed,
    SendDtls,
)
from talkpath.secure.identity import Identity
from talkpath.secure.records import split
from talkpath.secure.suites import SrtpKeys, Suite

from .wire import End, Wire, identity

OURS = identity()
BROWSER = identity()
MALLORY = identity()
AT_US, AT_BROWSER, AT_MALLORY = (Address(f"192.0.2.{n}", 5000 + n) for n in (1, 2, 66))


def end(who: Identity, address: Address, expects: Identity | None, *, cookie: bool = False, mtu: int = 1200) -> End:
    endpoint = DtlsEndpoint(who, cookie=cookie, mtu=mtu)
    if expects is not None:
        endpoint.receive(RemoteDescribed((expects.fingerprint,)), 0.0)
    return End(endpoint, address)


def wire(*, cookie: bool = False, mtu: int = 1200, **network: float) -> tuple[Wire, End, End]:
    us = end(OURS, AT_US, BROWSER, cookie=cookie, mtu=mtu)
    browser = end(BROWSER, AT_BROWSER, OURS, mtu=mtu)
    return Wire([us, browser], **network), us, browser


def begin(net: Wire, client: End, server: End) -> None:
    net.tell(client, Begun((0, server.address)))


def agreed(*ends: End) -> bool:
    return all(each.keys is not None for each in ends)


def null_hello(sequence: int = 0) -> bytes:
    """The published attack: a well-formed ClientHello that offers only TLS_NULL_WITH_NULL_NULL."""
    body = b"\xfe\xfd" + bytes(range(32)) + b"\0" + b"\0" + b"\0\2\0\0" + b"\1\0"
    message = b"\1" + len(body).to_bytes(3, "big") + b"\0\0" + b"\0\0\0" + len(body).to_bytes(3, "big") + body
    return b"\x16\xfe\xfd\0\0" + sequence.to_bytes(6, "big") + len(message).to_bytes(2, "big") + message


def speaks(ours: SrtpKeys, theirs: SrtpKeys) -> bool:
    """Both directions of SRTP open at the other end."""
    packet = b"\x80\x08\x00\x01" + bytes(8) + b"voice"
    for sealing, opening in ((ours, theirs), (theirs, ours)):
        sealed = Srtp(sealing.suite.sdes_name, sealing.ours.key, sealing.ours.salt).protect(packet)
        opener = Srtp(opening.suite.sdes_name, opening.theirs.key, opening.theirs.salt)
        if opener.unprotect(sealed) != packet:
            return False
    return True


@pytest.mark.parametrize("cookie", [False, True])
@pytest.mark.parametrize("we_are_client", [False, True])
def test_both_sides_get_the_same_keys_in_either_role(cookie: bool, we_are_client: bool) -> None:
    net, us, browser = wire(cookie=cookie)
    begin(net, *((us, browser) if we_are_client else (browser, us)))
    net.run(1.0)
    assert us.keys is not None
    assert browser.keys is not None
    assert us.keys.keys.suite is Suite.AEAD_AES_256_GCM
    assert speaks(us.keys.keys, browser.keys.keys)
    assert us.keys.as_client is we_are_client
    assert us.seen(FingerprintMatched)
    assert net.largest <= 1200


def test_no_key_is_ever_printed() -> None:
    net, us, browser = wire()
    begin(net, browser, us)
    net.run(1.0)
    assert us.keys is not None
    assert us.keys.keys.ours.key.hex() not in repr(us.outputs)
    assert repr(us.keys.keys.ours.key) not in repr(us.outputs)


@pytest.mark.parametrize("lost", range(1, 9))
@pytest.mark.parametrize("we_are_client", [False, True])
@pytest.mark.parametrize("mtu", [1200, 400])
def test_any_one_datagram_may_be_lost(lost: int, we_are_client: bool, mtu: int) -> None:
    net, us, browser = wire(mtu=mtu)
    count = itertools.count(1)
    net.passes = lambda data, source: next(count) != lost
    begin(net, *((us, browser) if we_are_client else (browser, us)))
    net.run(5.0, until=lambda: agreed(us, browser))
    assert agreed(us, browser)
    assert net.largest <= mtu


def test_every_flight_may_be_lost_once() -> None:
    net, us, browser = wire()
    seen: set[tuple[Address, int]] = set()

    def passes(data: bytes, source: Address) -> bool:
        first = split(data)[0]
        flight = source, first.fragment[0] if first.content == 22 else -1
        is_new = flight not in seen
        seen.add(flight)
        return not is_new

    net.passes = passes
    begin(net, browser, us)
    net.run(20.0, until=lambda: agreed(us, browser))
    assert agreed(us, browser)


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("we_are_client", [False, True])
def test_a_fifth_lost_some_reordered_some_twice(seed: int, we_are_client: bool) -> None:
    net, us, browser = wire(loss=0.2, jitter_s=0.06, duplicates=0.2, mtu=600)
    net.dice.seed(seed)
    begin(net, *((us, browser) if we_are_client else (browser, us)))
    net.run(25.0, until=lambda: agreed(us, browser))
    assert agreed(us, browser)
    assert us.keys is not None
    assert browser.keys is not None
    assert speaks(us.keys.keys, browser.keys.keys)


@pytest.mark.parametrize("when", ["before", "during", "after", "always"])
@pytest.mark.parametrize("spoofed", [False, True], ids=["elsewhere", "from-the-browser's-address"])
def test_hellos_with_no_usable_cipher_cost_only_their_source(when: str, spoofed: bool) -> None:
    net, us, browser = wire()
    source = AT_BROWSER if spoofed else AT_MALLORY

    def flood(times: int) -> None:
        for n in range(times):
            net.tell(us, DtlsArrived((0, source), null_hello(n)))
            net.run(0.01)

    if when in {"before", "always"}:
        flood(20)
    begin(net, browser, us)
    if when in {"during", "always"}:
        flood(20)
    net.run(2.0, until=lambda: agreed(us, browser))
    if when in {"after", "always"}:
        flood(20)
    net.run(2.0)
    assert agreed(us, browser)
    assert not us.seen(PeerClosed)


def test_a_complete_handshake_with_a_foreign_certificate_gives_no_keys() -> None:
    net, us, browser = wire()
    mallory = end(MALLORY, AT_MALLORY, OURS)
    net.ends.append(mallory)
    begin(net, mallory, us)
    net.run(1.0)
    assert us.keys is None
    assert [o.fingerprint for o in us.seen(FingerprintMismatched)] == [MALLORY.fingerprint]
    assert [o.reason for o in us.seen(HandshakeFailed)] == ["fingerprint"]
    begin(net, browser, us)
    net.run(1.0)
    assert agreed(us, browser)


def test_as_client_a_server_with_a_foreign_certificate_gives_no_keys() -> None:
    us, mallory = end(OURS, AT_US, BROWSER), end(MALLORY, AT_MALLORY, OURS)
    net = Wire([us, mallory])
    begin(net, us, mallory)
    net.run(2.0)
    assert us.keys is None
    assert us.seen(FingerprintMismatched)


def test_strangers_fill_no_more_than_their_places() -> None:
    net, us, browser = wire()
    for port in range(1, 100):
        stranger = end(MALLORY, AT_MALLORY, OURS)
        stranger.endpoint.receive(Begun((0, AT_US)), net.now)
        hello = next(o for o in stranger.endpoint.drain() if isinstance(o, SendDtls))
        net.tell(us, DtlsArrived((0, Address("198.51.100.1", port)), hello.data))
    assert len(us.endpoint._handshakes) == DTLS_HANDSHAKES
    begin(net, browser, us)
    net.run(2.0)
    assert agreed(us, browser)


def test_with_a_cookie_a_source_that_does_not_return_it_leaves_nothing() -> None:
    net, us, browser = wire(cookie=True)
    stranger = end(MALLORY, AT_MALLORY, OURS)
    stranger.endpoint.receive(Begun((0, AT_US)), net.now)
    hello = next(o for o in stranger.endpoint.drain() if isinstance(o, SendDtls))
    for port in range(1, 100):
        net.tell(us, DtlsArrived((0, Address("198.51.100.1", port)), hello.data))
    assert us.endpoint._handshakes == {}
    assert us.endpoint.counters["cookies"] == 99
    assert all(len(o.data) < len(hello.data) for o in us.seen(SendDtls)), "no amplification"
    begin(net, browser, us)
    net.run(2.0)
    assert agreed(us, browser)


def test_a_cookie_of_another_address_is_not_accepted() -> None:
    net, us, browser = wire(cookie=True)
    begin(net, browser, us)
    net.run(0.05)
    with_cookie = [o.data for o in browser.seen(SendDtls)][-1]
    fresh = end(OURS, AT_US, BROWSER, cookie=True)
    net.tell(fresh, DtlsArrived((0, AT_MALLORY), with_cookie))
    assert not fresh.seen(ClientHelloArrived)
    net.tell(fresh, DtlsArrived((0, AT_BROWSER), with_cookie))
    assert fresh.seen(ClientHelloArrived)


ALERT = bytes.fromhex("15fefd0000000000000009000202") + bytes([40])


@pytest.mark.parametrize("we_are_client", [False, True])
def test_a_fatal_alert_before_finished_is_told_and_ignored(we_are_client: bool) -> None:
    net, us, browser = wire()
    begin(net, *((us, browser) if we_are_client else (browser, us)))
    for _ in range(6):
        net.tell(us, DtlsArrived((0, AT_BROWSER), ALERT))
        net.run(0.01)
    net.run(1.0)
    assert agreed(us, browser)
    assert us.seen(AlertIgnored)[0] == AlertIgnored((0, AT_BROWSER), 2, 40)


def test_a_forged_answer_costs_the_client_one_attempt() -> None:
    net, us, browser = wire()
    begin(net, us, browser)
    rubbish = null_hello().replace(b"\x01\0\0", b"\x02\0\0", 1)
    net.tell(us, DtlsArrived((0, AT_BROWSER), rubbish))
    net.run(6.0)
    assert agreed(us, browser)


def test_far_ahead_record_numbers_do_not_shut_the_peer_out() -> None:
    net, us, browser = wire()
    begin(net, browser, us)
    net.run(0.03)
    net.tell(us, DtlsArrived((0, AT_BROWSER), null_hello(2**47)))
    net.run(2.0)
    assert agreed(us, browser)


def test_keys_wait_for_the_description() -> None:
    us, browser = end(OURS, AT_US, None), end(BROWSER, AT_BROWSER, OURS)
    net = Wire([us, browser])
    begin(net, browser, us)
    net.run(2.0)
    assert us.keys is None
    net.tell(us, RemoteDescribed((BROWSER.fingerprint,)))
    assert us.keys is not None


def test_a_peer_that_moves_in_mid_handshake_goes_on() -> None:
    net, us, browser = wire()
    begin(net, browser, us)
    net.run(0.03)
    moved = Address("198.51.100.2", 777)
    net.passes = lambda data, source: True
    browser.address = moved
    net.run(2.0)
    assert agreed(us, browser)
    assert us.keys is not None
    assert us.keys.path == (0, moved)


def test_a_hello_repeated_from_another_address_is_the_same_handshake() -> None:
    """A browser whose pair changes just then hears our first answer too: it must not be given a second one."""
    net, us, browser = wire()
    begin(net, browser, us)
    (hello,) = (output.data for output in browser.seen(SendDtls) if isinstance(output, SendDtls))
    net.run(0.03)
    moved = Address("198.51.100.2", 777)
    net.tell(us, DtlsArrived((0, moved), hello))
    assert [output for output in us.outputs if isinstance(output, SendDtls)][-1].path == (0, moved)
    net.run(2.0)
    assert agreed(us, browser)
    assert len(us.seen(ClientHelloArrived)) == 1


def test_without_ice_a_repeated_hello_draws_no_more_than_a_cookie_to_another_address() -> None:
    """Whoever knows a hello, its sender too, could have our whole flight sent to somebody else."""
    net, us, browser = wire(cookie=True)
    begin(net, browser, us)
    net.run(0.07)
    assert us.seen(ClientHelloArrived)
    hello = [output.data for output in browser.seen(SendDtls) if isinstance(output, SendDtls)][-1]
    elsewhere = (0, Address("198.51.100.2", 777))
    net.tell(us, DtlsArrived(elsewhere, hello))
    net.tell(us, DtlsArrived(elsewhere, hello))
    drawn = [output.data for output in us.seen(SendDtls) if isinstance(output, SendDtls) and output.path == elsewhere]
    assert all(len(data) < len(hello) for data in drawn)
    net.run(2.0)
    assert agreed(us, browser)
    assert us.keys is not None
    assert us.keys.path == (0, AT_BROWSER)


def test_a_hello_after_the_handshake_moves_nothing() -> None:
    net, us, browser = wire()
    begin(net, browser, us)
    hello = next(output.data for output in browser.seen(SendDtls) if isinstance(output, SendDtls))
    net.run(2.0)
    assert agreed(us, browser)
    net.tell(us, DtlsArrived((0, AT_MALLORY), hello))
    net.tell(us, Ended())
    assert [output for output in us.outputs if isinstance(output, SendDtls)][-1].path == (0, AT_BROWSER)


def test_a_client_follows_the_selected_path() -> None:
    net, us, browser = wire()
    net.tell(us, Begun((0, AT_MALLORY)))
    net.run(0.1)
    net.tell(us, PathSelected((0, AT_BROWSER)))
    net.run(3.0)
    assert agreed(us, browser)


def test_a_lost_last_flight_is_sent_again_when_the_client_repeats_its_own() -> None:
    net, us, browser = wire()
    begin(net, browser, us)
    net.run(1.0, until=lambda: us.keys is not None)
    net._flying.clear()
    assert browser.keys is None
    net.run(2.0)
    assert browser.keys is not None


def test_goodbye_is_heard() -> None:
    net, us, browser = wire()
    begin(net, browser, us)
    net.run(1.0)
    net.tell(browser, Ended())
    net.run(1.0)
    assert us.seen(PeerClosed)


def test_a_silent_peer_is_given_up() -> None:
    net, us, browser = wire()
    net.passes = lambda data, source: source == AT_BROWSER
    begin(net, browser, us)
    net.run(40.0)
    assert [o.reason for o in us.seen(HandshakeFailed)] == ["timeout"]
    assert [o.reason for o in browser.seen(HandshakeFailed)] == ["timeout"]
    assert us.endpoint.deadline() is None


@pytest.mark.parametrize("algorithm", ["sha-1", "sha-256", "sha-384", "sha-512"])
def test_fingerprints_of_every_usual_hash(algorithm: str) -> None:
    us, browser = end(OURS, AT_US, None), end(BROWSER, AT_BROWSER, OURS)
    wanted = Fingerprint.parse(str(Fingerprint.of(BROWSER.certificate.der, algorithm)).lower())
    net = Wire([us, browser])
    net.tell(us, RemoteDescribed((wanted,)))
    begin(net, browser, us)
    net.run(1.0)
    assert us.keys is not None


def test_a_weak_fingerprint_does_not_help_where_a_strong_one_is_wrong() -> None:
    us, browser = end(OURS, AT_US, None), end(BROWSER, AT_BROWSER, OURS)
    net = Wire([us, browser])
    weak = Fingerprint.of(BROWSER.certificate.der, "sha-1")
    net.tell(us, RemoteDescribed((weak, MALLORY.fingerprint)))
    begin(net, browser, us)
    net.run(1.0)
    assert us.keys is None


def test_a_peer_without_srtp_is_refused() -> None:
    net, us, browser = wire()
    context = SSL.Context(SSL.DTLS_METHOD)
    context.use_certificate(BROWSER.server(1200).get_certificate(as_cryptography=True))
    context.use_privatekey(BROWSER.certificate.key)
    browser.endpoint._identity._plain, kept = context, browser.endpoint._identity._plain
    try:
        begin(net, browser, us)
        net.run(1.0)
    finally:
        browser.endpoint._identity._plain = kept
    assert [o.reason for o in us.seen(HandshakeFailed)] == ["no-srtp-profile"]


@settings(max_examples=settings.default.max_examples * 2 // 5, deadline=None)
@given(data=st.data())
def test_no_datagram_ever_raises(data: st.DataObject) -> None:
    net, us, browser = wire()
    begin(net, browser, us)
    for _ in range(6):
        net.run(0.011)
        sent = [o.data for o in browser.seen(SendDtls)][-1]
        cut = int(len(sent) * data.draw(st.floats(0, 1)))
        net.tell(us, DtlsArrived((0, AT_MALLORY), sent[:cut] + data.draw(st.binary(max_size=30))))
        net.tell(us, DtlsArrived((0, AT_MALLORY), data.draw(st.binary(max_size=60))))
