"""What passes in the kernel is told as what passes by sockets, and climbs whenever something about it changes."""

import struct
from collections.abc import Iterator

import pytest
from tests.native.rtp_peers import DEADLINE_S, HIGH, LOW, PCMA, Peers, rtp, until

from talkpath._native import Clip, Relay

# Packets by which both ways of a call pass in the kernel: each way, one that proves the peer, and one that goes over
# its socket.
FIRST = 3


@pytest.fixture(name="relay")
def a_relay() -> Iterator[Relay]:
    relay = Relay(kernel=True, steady=1)
    if relay.kernel is not None:
        pytest.skip(f"not here: {relay.kernel}")
    yield relay
    relay.shutdown()


class Call:
    """Two phones that hear each other."""

    def __init__(self, relay: Relay, peers: Peers, host: str = "127.0.0.1") -> None:
        self.relay = relay
        self.phones = (peers(host), peers(host))
        self.ports = (relay.open(host, LOW, HIGH), relay.open(host, LOW, HIGH))
        for port, phone in zip(self.ports, self.phones, strict=True):
            relay.expect(port, rtp=phone.address, formats=PCMA)
        relay.route(self.ports[0], self.ports[1])
        relay.route(self.ports[1], self.ports[0])
        self.sequence = 0

    def say(self, packets: int = 1) -> None:
        """Each side says so many packets, and the other hears them as they were."""
        for _ in range(packets):
            for here in (0, 1):
                there = 1 - here
                self.phones[here].send(self.ports[here], rtp(self.sequence, ssrc=here))
                assert self.phones[there].receive() == (rtp(self.sequence, ssrc=here), self.ports[there].rtp)
            self.sequence += 1

    def heard(self) -> list[int]:
        return [self.relay.totals(port).heard_packets for port in self.ports]

    def sent(self) -> list[int]:
        return [self.relay.totals(port).sent_packets for port in self.ports]


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_both_ways_of_a_call_pass_and_are_counted(relay: Relay, peer: Peers, host: str) -> None:
    call = Call(relay, peer, host)
    call.say(FIRST)
    assert relay.passing == 2
    call.say(100)
    assert call.heard() == call.sent() == [FIRST + 100] * 2
    seconds = relay.meters(call.ports[0])
    assert sum(second.packets for second in seconds) == FIRST + 100
    assert sum(second.lost for second in seconds) == 0
    assert sum(second.digital_silence_ms for second in seconds) == pytest.approx(20 * (FIRST + 100))


def test_what_passes_never_came_to_our_sockets(relay: Relay, peer: Peers) -> None:
    """The kernel of the host counts what its sockets were given."""
    call = Call(relay, peer)
    call.say(FIRST)
    before = datagrams_in()
    call.say(50)
    assert datagrams_in() - before < 150


def datagrams_in() -> int:
    with open("/proc/self/net/snmp", encoding="ascii") as counters:
        names, values = (line.split() for line in counters if line.startswith("Udp:"))
    return int(values[names.index("InDatagrams")])


def test_a_change_of_route_is_so_for_the_next_packet(relay: Relay, peer: Peers) -> None:
    call = Call(relay, peer)
    call.say(FIRST + 5)
    relay.route(call.ports[0], None)
    call.phones[0].send(call.ports[0], rtp(call.sequence))
    until(lambda: call.heard()[0] == FIRST + 6)
    assert call.phones[1].has_nothing()
    relay.route(call.ports[0], call.ports[1])
    call.sequence += 1
    call.say(FIRST)
    assert relay.passing == 2


def test_keys_end_it_at_once(relay: Relay, peer: Peers) -> None:
    call = Call(relay, peer)
    call.say(FIRST)
    relay.secure(call.ports[1], "AES_CM_128_HMAC_SHA1_80", (bytes(16), bytes(14)), (bytes(16), bytes(14)))
    assert relay.passing == 0
    call.phones[0].send(call.ports[0], rtp(call.sequence))
    assert len(call.phones[1].receive()[0]) == len(rtp(0)) + 10
    relay.unsecure(call.ports[1])
    call.sequence += 1
    call.say(FIRST)
    assert relay.passing == 2


def test_an_announcement_ends_it(relay: Relay, peer: Peers) -> None:
    call = Call(relay, peer)
    call.say(FIRST)
    relay.announce(call.ports[1], Clip([0] * 160, [0] * 320), [(8, "PCMA")])
    assert relay.passing == 0
    call.phones[1].send(call.ports[1], rtp(call.sequence))
    call.phones[0].receive()
    assert relay.passing == 1


def test_a_stranger_is_counted_and_not_passed_on(relay: Relay, peer: Peers) -> None:
    call, stranger = Call(relay, peer), peer()
    call.say(FIRST)
    for sequence in range(20):
        stranger.send(call.ports[0], rtp(sequence))
    until(lambda: relay.totals(call.ports[0]).strangers == 20)
    assert call.phones[1].has_nothing()
    call.say(5)
    assert relay.passing == 2


def test_keys_pressed_and_odd_packets_are_judged_as_ever(relay: Relay, peer: Peers) -> None:
    """Padding, extensions and contributors climb; all of them are heard."""
    call = Call(relay, peer)
    call.say(FIRST)
    event = struct.pack("!BBHH", 5, 0x0A, 160, 0)[:4]
    pressed = rtp(call.sequence, payload_type=101, payload=event)
    call.phones[0].send(call.ports[0], pressed)
    assert call.phones[1].receive()[0] == pressed
    extended = struct.pack("!BBHIIHHI", 0x90, 8, call.sequence + 1, 0, 0, 0xBEDE, 1, 0) + b"\xd5" * 160
    call.phones[0].send(call.ports[0], extended)
    assert call.phones[1].receive()[0] == extended
    until(lambda: call.heard()[0] == FIRST + 2)
    assert relay.passing == 2


def test_packets_too_long_or_too_short_climb(relay: Relay, peer: Peers) -> None:
    call = Call(relay, peer)
    call.say(FIRST)
    long = rtp(call.sequence, payload=b"\xd5" * 1200)
    call.phones[0].send(call.ports[0], long)
    assert call.phones[1].receive()[0] == long
    call.phones[0].send(call.ports[0], b"\x80\x08")
    until(lambda: relay.totals(call.ports[0]).malformed == 1)
    assert call.phones[1].has_nothing()


def test_a_phone_behind_a_nat_is_followed(relay: Relay, peer: Peers) -> None:
    """It was latched, passed, and is silent for five seconds: another port of its host takes its place."""
    call = Call(relay, peer)
    nat = peer()
    relay.expect(call.ports[0], rtp=("127.0.0.1", 9), latch="127.0.0.1", formats=PCMA)
    for sequence in range(6):
        nat.send(call.ports[0], rtp(sequence))
    for _ in range(5):
        call.phones[1].receive()
    until(lambda: relay.passing == 1)
    # What was signalled is heard at last, and holds for ever.
    relay.expect(call.ports[0], rtp=call.phones[0].address, latch="127.0.0.1", formats=PCMA)
    call.say(FIRST)
    nat.send(call.ports[0], rtp(7))
    until(lambda: relay.totals(call.ports[0]).strangers >= 1)


def test_a_silent_phone_is_missed_and_one_that_speaks_is_not(relay: Relay, peer: Peers) -> None:
    call = Call(relay, peer)
    for port in call.ports:
        relay.watch(port, 0.5)
    call.say(FIRST)
    for sequence in range(60):
        data = rtp(call.sequence + sequence)
        call.phones[0].send(call.ports[0], data)
        assert call.phones[1].receive()[0] == data
        call.phones[0].socket.settimeout(0.02)
        with pytest.raises(TimeoutError):
            call.phones[0].receive()
    call.phones[0].socket.settimeout(DEADLINE_S)
    told = [event for event in relay.events() if type(event).__name__ == "TimedOut"]
    assert [event.port for event in told] == [call.ports[1].id]


def test_closing_counts_all_that_passed(relay: Relay, peer: Peers) -> None:
    call = Call(relay, peer)
    call.say(40)
    totals = [relay.close(port) for port in call.ports]
    assert [one.heard_packets for one in totals] == [40, 40]
    assert relay.passing == 0
    call.phones[0].send(call.ports[0], rtp(1))
    assert call.phones[1].has_nothing()


def test_many_calls_pass_at_once(relay: Relay, peer: Peers) -> None:
    calls = [Call(relay, peer) for _ in range(40)]
    for call in calls:
        call.say(FIRST)
    assert relay.passing == 80
    for call in calls:
        call.say(10)
        for port in call.ports:
            relay.close(port)
    assert relay.passing == 0
