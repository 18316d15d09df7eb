"""Ports come and go: leases rotate, closed ports are gone, misuse is told, nothing leaks."""

import os
import resource
from contextlib import suppress
from pathlib import Path

import pytest
from tests.native.rtp_peers import HIGH, LOW, PCMA, Peers, rtp, until

from talkpath._native import Port, Relay


def test_a_released_pair_rests_before_it_is_leased_again(relay: Relay) -> None:
    first = relay.open("127.0.0.3", 21000, 21007)
    relay.close(first)
    later = [relay.open("127.0.0.3", 21000, 21007) for _ in range(3)]
    assert [port.rtp for port in later] == [21002, 21004, 21006]
    assert relay.open("127.0.0.3", 21000, 21007).rtp == 21000
    with pytest.raises(OSError, match=r"no free pair of ports in 21000-21007 on 127\.0\.0\.3: widen"):
        relay.open("127.0.0.3", 21000, 21007)


def test_ports_are_leased_for_each_address_apart(relay: Relay) -> None:
    assert relay.open("127.0.0.3", 22000, 22001).rtp == relay.open("127.0.0.4", 22000, 22001).rtp


@pytest.mark.parametrize("address", ["", "localhost", "127.0.0.1:5", "999.1.1.1"])
def test_a_local_address_must_be_an_ip_address(relay: Relay, address: str) -> None:
    with pytest.raises(ValueError, match="no IP address"):
        relay.open(address, LOW, HIGH)


def test_an_address_that_is_not_ours_cannot_be_leased(relay: Relay) -> None:
    with pytest.raises(OSError, match="assign"):
        relay.open("192.0.2.1", LOW, HIGH)


@pytest.mark.parametrize("address", [("::1", 4000), ("127.0.0.1", 0), ("phone.invalid", 4000)])
def test_a_peer_must_be_reachable_from_the_port(relay: Relay, address: tuple[str, int]) -> None:
    port = relay.open("127.0.0.1", LOW, HIGH)
    with pytest.raises(ValueError, match=r"cannot be reached|no IP address"):
        relay.expect(port, rtp=address)


def test_misuse_is_told(relay: Relay) -> None:
    port = relay.open("127.0.0.1", LOW, HIGH)
    with pytest.raises(ValueError, match="nothing is latched"):
        relay.expect(port, rtp=None, latch="127.0.0.1", ice=True)
    with pytest.raises(ValueError, match="payload types"):
        relay.expect(port, rtp=None, formats=[(128, 8000, "PCMA")])
    with pytest.raises(ValueError, match="unknown codec"):
        relay.tone(port, 18, "G729")
    with pytest.raises(ValueError, match="frequency"):
        relay.tone(port, 8, "PCMA", frequency=0)
    with pytest.raises(ValueError, match="timeout"):
        relay.watch(port, 0.0)
    with pytest.raises(ValueError, match="workers"):
        Relay(workers=0)


def test_a_closed_port_is_gone(relay: Relay) -> None:
    port = relay.open("127.0.0.1", LOW, HIGH)
    relay.close(port)
    uses = [
        lambda: relay.close(port),
        lambda: relay.totals(port),
        lambda: relay.expect(port, rtp=None),
        lambda: relay.route(port, None),
        lambda: relay.reflect(port),
        lambda: relay.watch(port, 1.0),
        lambda: relay.tone(port, 8, "PCMA"),
    ]
    for use in uses:
        with pytest.raises(KeyError, match="was closed"):
            use()


def test_a_port_of_another_relay_is_refused(relay: Relay) -> None:
    other = Relay()
    port = other.open("127.0.0.1", LOW, HIGH)
    with pytest.raises(KeyError):
        relay.expect(port, rtp=None)
    other.shutdown()


def test_routes_to_a_closed_port_stop(relay: Relay, peer: Peers) -> None:
    alice, bob = peer(), peer()
    a, b, c = (relay.open("127.0.0.1", LOW, HIGH) for _ in range(3))
    for port, end in ((a, alice), (b, bob), (c, bob)):
        relay.expect(port, rtp=end.address, formats=PCMA)
    relay.route(a, b)
    alice.send(a, rtp(1))
    bob.receive()
    assert relay.close(b).sent_packets == 1
    alice.send(a, rtp(2))
    relay.route(a, c)
    alice.send(a, rtp(3))
    assert bob.receive()[0] in (rtp(2), rtp(3))


def test_totals_and_counters_tell_what_passed(relay: Relay, peer: Peers) -> None:
    alice, bob, thief = peer(), peer(), peer()
    a, b = relay.open("127.0.0.1", LOW, HIGH), relay.open("127.0.0.1", LOW, HIGH)
    relay.expect(a, rtp=alice.address, formats=PCMA)
    relay.expect(b, rtp=bob.address, formats=PCMA)
    relay.route(a, b)
    for sequence in range(10):
        thief.send(a, rtp(sequence))
        alice.send(a, rtp(sequence))
        bob.receive()
    until(lambda: relay.totals(a).strangers == 10)
    heard, sent = relay.close(a), relay.close(b)
    assert (heard.heard_packets, heard.heard_bytes, heard.strangers) == (10, 1720, 10)
    assert (sent.sent_packets, sent.sent_bytes, sent.heard_packets) == (10, 1720, 0)
    counters = relay.counters()
    assert (counters["heard_packets"], counters["sent_packets"], counters["strangers"]) == (10, 10, 10)
    assert (counters["ports"], counters["opened"], counters["panics"]) == (0, 2, 0)


def sockets() -> set[str]:
    """Sockets that this process holds, by inode: other tests in it let go of theirs when they like."""
    held = set()
    for one in Path("/proc/self/fd").iterdir():
        with suppress(FileNotFoundError):
            held.add(os.readlink(one))
    return {one for one in held if one.startswith("socket:")}


def test_thousands_of_ports_come_and_go_without_a_leak(relay: Relay) -> None:
    before = sockets()
    for _ in range(3):
        ports: list[Port] = [relay.open("127.0.0.5", 30000, 39999) for _ in range(1000)]
        for one, two in zip(ports[::2], ports[1::2], strict=True):
            relay.expect(one, rtp=("127.0.0.1", 9), formats=PCMA)
            relay.route(one, two)
            relay.route(two, one)
        assert len(sockets() - before) == 2000
        for port in ports:
            relay.close(port)
        until(lambda: not sockets() - before)
    assert relay.counters()["opened"] == 3000


def test_the_descriptor_limit_is_raised(relay: Relay) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    assert soft == hard


def test_after_shutdown_everything_is_closed(relay: Relay) -> None:
    port = relay.open("127.0.0.1", LOW, HIGH)
    relay.tone(port, 8, "PCMA")
    relay.shutdown()
    relay.shutdown()
    with pytest.raises(KeyError):
        relay.totals(port)
    with pytest.raises(OSError, match="shut down"):
        relay.open("127.0.0.1", LOW, HIGH)
    assert relay.events() == []
    assert relay.counters()["ports"] == 0


def test_a_relay_that_is_dropped_ends_its_threads() -> None:
    def threads() -> set[str]:
        return set(os.listdir("/proc/self/task"))

    before = threads()
    relay = Relay(workers=4)
    assert len(threads() - before) == 4
    del relay
    until(lambda: not threads() - before)


def test_a_connected_socket_goes_with_its_port(relay: Relay, peer: Peers) -> None:
    alice = peer()
    before = sockets()
    port = relay.open("127.0.0.1", LOW, HIGH)
    relay.expect(port, rtp=alice.address, formats=PCMA)
    relay.reflect(port)
    for sequence in range(60):
        alice.send(port, rtp(sequence))
        alice.receive()
    assert len(sockets() - before) == 3
    relay.close(port)
    until(lambda: not sockets() - before)
