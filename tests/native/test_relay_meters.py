"""What is measured: loss, order, jitter, level and silence of each second; totals; media timeouts."""

import time

import pytest
from tests.native.rtp_peers import DEADLINE_S, HIGH, LOW, PCMA, Peer, Peers, Ticks, next_events, peers, rtp, until

from talkpath._native import Port, Relay, Second, TimedOut
from talkpath.calls.trace import unpacked


def listening(relay: Relay, alice: Peer, formats: list[tuple[int, int, str]] | None = None) -> Port:
    port = relay.open("127.0.0.1", LOW, HIGH)
    relay.expect(port, rtp=alice.address, formats=formats or PCMA)
    return port


def heard_all(relay: Relay, alice: Peer, port: Port, packets: list[bytes]) -> list[Second]:
    """Send them, and take the meters until all were counted in finished seconds."""
    for packet in packets:
        alice.send(port, packet)
    with peers() as peer:
        ticks = Ticks(relay, peer())
        seconds: list[Second] = []
        while sum(second.packets for second in seconds) < len(packets):
            ticks.wait()
            seconds += relay.meters()
        return seconds


def test_a_second_tells_loss_order_and_duplicates(relay: Relay, peer: Peers) -> None:
    alice = peer()
    port = listening(relay, alice)
    seconds = heard_all(relay, alice, port, [rtp(n) for n in (1, 2, 5, 4, 4, 9)])
    assert sum(second.lost for second in seconds) == 4
    assert sum(second.reordered for second in seconds) == 1
    assert sum(second.duplicates for second in seconds) == 1
    assert {second.port for second in seconds} == {port.id}
    assert {(second.ssrc, second.payload_type) for second in seconds} == {(0x1234, 8)}
    assert sum(second.bytes for second in seconds) == 6 * 172
    totals = relay.totals(port)
    assert (totals.lost, totals.reordered, totals.duplicates) == (4, 1, 1)


def test_silence_is_told_from_speech(relay: Relay, peer: Peers) -> None:
    alice = peer()
    port = listening(relay, alice)
    loud, whisper = bytes(range(160)), b"\xd5\x55" * 80
    packets = [rtp(1), rtp(2), rtp(3, payload=whisper), rtp(4, payload=loud)]
    seconds = heard_all(relay, alice, port, packets)
    assert sum(second.audio_ms for second in seconds) == 80
    assert sum(second.digital_silence_ms for second in seconds) == 40
    assert sum(second.near_silence_ms for second in seconds) == 60


@pytest.mark.parametrize(("payload_type", "codec", "error_db"), [(0, "PCMU", 0.1), (9, "G722", 1.0)])
def test_the_tone_is_as_loud_as_a_digital_milliwatt(
    relay: Relay, peer: Peers, payload_type: int, codec: str, error_db: float
) -> None:
    one, two = relay.open("127.0.0.1", LOW, HIGH), relay.open("127.0.0.1", LOW, HIGH)
    relay.expect(one, rtp=(two.host, two.rtp), formats=[(payload_type, 8000, codec)])
    relay.expect(two, rtp=(one.host, one.rtp), formats=[(payload_type, 8000, codec)])
    relay.tone(one, payload_type, codec)
    ticks = Ticks(relay, peer())
    while not (seconds := relay.meters()):
        ticks.wait()
    level = seconds[0].level_dbov
    assert level is not None
    assert abs(level + 6.18) < error_db
    assert seconds[0].lost == 0
    assert seconds[0].near_silence_ms == 0


def test_a_sender_says_how_loud_its_encrypted_audio_is(relay: Relay, peer: Peers) -> None:
    """RFC 6464: one byte in the header, a flag for speech and dB below overload. It is read where it is announced."""
    for levels, heard in ((3, -30.0), (0, None)):
        alice = peer()
        port = relay.open("127.0.0.1", LOW, HIGH)
        relay.expect(port, rtp=alice.address, formats=[(96, 48000, "")], levels=levels)
        packets = [rtp(n, payload_type=96, payload=b"sealed") for n in (1, 2)]
        said = bytes.fromhex("bede0001") + bytes([0x30, 0x80 | 30, 0, 0])
        packets = [bytes([packet[0] | 0x10]) + packet[1:12] + said + packet[12:] for packet in packets]
        (second, *_) = heard_all(relay, alice, port, packets)
        assert second.level_dbov == (None if heard is None else pytest.approx(heard, abs=0.1))


def test_opus_has_no_level_of_its_own(relay: Relay, peer: Peers) -> None:
    alice = peer()
    port = listening(relay, alice, [(111, 48000, "opus")])
    (second, *_) = heard_all(relay, alice, port, [rtp(n, payload_type=111) for n in (1, 2)])
    assert (second.level_dbov, second.audio_ms) == (None, 0)
    assert second.jitter_ms is not None


def test_strangers_are_not_metered(relay: Relay, peer: Peers) -> None:
    alice, thief = peer(), peer()
    port = listening(relay, alice)
    for sequence in range(20):
        thief.send(port, rtp(sequence, ssrc=666))
    seconds = heard_all(relay, alice, port, [rtp(1), rtp(2)])
    assert sum(second.packets for second in seconds) == 2


def test_times_are_on_the_axis_that_was_asked_for(peer: Peers) -> None:
    relay = Relay(epoch=1_000_000.0)
    alice = peer()
    port = listening(relay, alice)
    before = time.monotonic() + 1_000_000.0
    alice.send(port, rtp(1))
    (first,) = next_events(relay)
    last_heard = relay.totals(port).last_heard
    relay.shutdown()
    assert before <= first.at <= time.monotonic() + 1_000_000.0
    assert last_heard == first.at


def test_silence_times_out_once(relay: Relay, peer: Peers) -> None:
    alice = peer()
    port = listening(relay, alice)
    relay.watch(port, 0.2)
    (event,) = next_events(relay)
    assert isinstance(event, TimedOut)
    assert event.port == port.id
    assert 0.2 <= event.silent_s < DEADLINE_S
    relay.watch(port, 0.2)
    (again,) = next_events(relay)
    assert isinstance(again, TimedOut)


def test_who_is_heard_does_not_time_out_before_who_is_not(relay: Relay, peer: Peers) -> None:
    alice, bob = peer(), peer()
    talking, silent = listening(relay, alice), listening(relay, bob)
    relay.watch(talking, 0.3)
    relay.watch(silent, 0.6)
    told: list[object] = []
    sequence = 0
    until = time.monotonic() + DEADLINE_S
    while not any(isinstance(event, TimedOut) for event in told):
        sequence += 1
        alice.send(talking, rtp(sequence))
        told += relay.events()
        assert time.monotonic() < until
    assert [event.port for event in told if isinstance(event, TimedOut)] == [silent.id]


def test_hold_stops_the_watch(relay: Relay, peer: Peers) -> None:
    held, other = listening(relay, peer()), listening(relay, peer())
    relay.watch(held, 0.1)
    relay.watch(held, None)
    relay.watch(other, 0.4)
    (event,) = next_events(relay)
    assert event.port == other.id


def test_the_last_second_of_a_call_is_not_lost(relay: Relay, peer: Peers) -> None:
    alice, other = peer(), peer()
    port, neighbour = listening(relay, alice), listening(relay, other)
    for sequence in (1, 2, 4):
        alice.send(port, rtp(sequence))
        other.send(neighbour, rtp(sequence))
    next_events(relay, 2)
    until(lambda: relay.totals(port).heard_packets == 3)
    seconds = relay.meters(port)
    assert sum(second.packets for second in seconds) == 3
    assert sum(second.lost for second in seconds) == 1
    assert {second.port for second in seconds} == {port.id}
    assert relay.meters(port) == []


def test_meters_are_read_in_portions_and_each_port_is_in_one(relay: Relay, peer: Peers) -> None:
    ports = []
    for _ in range(5):
        alice = peer()
        ports.append(listening(relay, alice))
        alice.send(ports[-1], rtp(1))
    portions: list[set[int]] = [set(), set(), set(), set()]
    with peers() as other:
        ticks = Ticks(relay, other())
        while sum(map(len, portions)) < len(ports):
            ticks.wait()
            for part, found in enumerate(portions):
                found |= {second.port for second in relay.meters(part=part, parts=4)}
    assert portions == [{port.id for port in ports if port.id % 4 == part} for part in range(4)]


def test_a_second_is_the_row_that_a_call_keeps(relay: Relay, peer: Peers) -> None:
    alice = peer()
    seconds = heard_all(relay, alice, listening(relay, alice), [rtp(n) for n in (1, 2, 5, 4, 4, 9)])
    for second in seconds:
        (kept,) = unpacked(second.row)
        assert kept.time == second.at
        assert (kept.packets, kept.lost, kept.late) == (second.packets, max(0, second.lost), 0)
        assert kept.jitter_ms == pytest.approx(second.jitter_ms or 0.0, abs=0.06)
        assert kept.gap_ms == pytest.approx(second.max_gap_ms, abs=0.51)
        assert second.level_dbov is not None
        assert kept.level_dbov == pytest.approx(second.level_dbov, abs=0.06)
        assert kept.flat == round(second.digital_silence_ms / (second.audio_ms / second.packets))
        assert (kept.clipped, kept.noise, kept.events, kept.payload_bytes) == (0, 0, 0, second.bytes)
