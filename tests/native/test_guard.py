"""The table of sources: what is heard, what is banned, for how long, and what a million of them cost."""

import resource
import time
from pathlib import Path

import pytest

from talkpath._native import Sources

INVITE, REGISTER, ACK = b"INVITE sip:x SIP/2.0\r\n", b"REGISTER sip:x SIP/2.0\r\n", b"ACK sip:x SIP/2.0\r\n"
WRONG = 5
START = 1_000.0


def sources(**changed: float) -> Sources:
    rates = [(5.0, 50.0), (5.0, 50.0), (50.0, 500.0), (10.0, 100.0), (100.0, 2000.0), (0.1, 20.0), (1000.0, 16000.0)]
    options = {"ban_first_s": 60.0, "ban_most_s": 86_400.0, "strikes": 3, "refusal": 0, **changed}
    return Sources(rates, (2000.0, 4000.0), seed=b"s" * 16, now=START, **options)  # type: ignore[arg-type]


def heard(known: Sources, host: str, port: int, count: int, now: float, data: bytes = INVITE) -> int:
    return sum(known.look(host, port, False, data, now) for _ in range(count))


def test_a_burst_is_heard_and_then_the_flow_is_banned() -> None:
    known = sources()
    assert heard(known, "198.51.100.1", 5060, 20_000, START) == 50
    assert [event[:2] for event in known.events()] == [("198.51.100.1", 5060)]


def test_who_sits_beside_a_banned_flow_is_heard() -> None:
    known = sources()
    heard(known, "198.51.100.1", 5060, 1_000, START)
    assert heard(known, "198.51.100.1", 5070, 5, START) == 5


def test_three_flows_in_a_row_ban_their_address() -> None:
    known = sources()
    for port in (1, 2, 3):
        heard(known, "198.51.100.1", port, 1_000, START)
    assert not known.look("198.51.100.1", 9, False, REGISTER, START)
    assert known.events()[-1][:3] == ("198.51.100.1", 0, 32)
    assert known.look("198.51.100.2", 9, False, REGISTER, START)


def test_a_ban_ends_and_the_next_is_four_times_as_long() -> None:
    known, now, lasted = sources(), START, []
    for _ in range(3):
        heard(known, "198.51.100.1", 5060, 1_000, now)
        lasted.append(known.events()[-1][5])
        assert not known.look("198.51.100.1", 5060, False, ACK, now + lasted[-1] - 1)
        now += lasted[-1] + 1
        assert known.look("198.51.100.1", 5060, False, ACK, now)
    assert lasted[:2] == [60.0, 240.0]


def test_eight_banned_neighbours_ban_their_network() -> None:
    known = sources()
    for host in range(1, 9):
        for port in (1, 2, 3):
            heard(known, f"198.51.100.{host}", port, 200, START)
    assert not known.look("198.51.100.99", 5060, False, INVITE, START)
    assert known.look("198.51.101.99", 5060, False, INVITE, START)
    assert ("198.51.100.8", 24) in [(event[0], event[2]) for event in known.events()]


def test_ipv6_counts_by_subscriber() -> None:
    known = sources()
    for last in range(3):
        heard(known, f"2001:db8::{last + 1}", 5060, 200, START)
    assert not known.look("2001:db8::ffff", 5060, False, INVITE, START)
    assert known.look("2001:db8:0:1::1", 5060, False, INVITE, START)


def test_who_has_proven_himself_is_heard_whatever_his_neighbours_do() -> None:
    known = sources()
    known.prove("198.51.100.1", 5060, False, START + 3600, START)
    for port in range(1, 20):
        assert heard(known, "198.51.100.1", port, 10_000, START) <= 800
    assert heard(known, "198.51.100.1", 5060, 500, START) == 500


def test_a_phone_that_proves_itself_opens_a_banned_address() -> None:
    known = sources()
    for port in (1, 2, 3):
        heard(known, "198.51.100.1", port, 1_000, START)
    known.prove("198.51.100.1", 5060, False, START + 3600, START)
    assert known.look("198.51.100.1", 5061, False, REGISTER, START)


def test_two_hundred_phones_behind_one_nat_come_back_at_once() -> None:
    known = sources()
    assert all(known.look("198.51.100.1", 10_000 + phone, False, REGISTER, START) for phone in range(200))
    for phone in range(200):
        assert known.look("198.51.100.1", 10_000 + phone, False, REGISTER, START + 0.1)
        known.prove("198.51.100.1", 10_000 + phone, False, START + 3600, START + 0.1)


def test_a_hundred_calls_a_second_of_a_pbx_pass() -> None:
    known = sources()
    known.prove("198.51.100.1", 5060, False, START + 3600, START)
    assert sum(known.look("198.51.100.1", 5060, False, INVITE, START + n / 100) for n in range(60_000)) == 60_000


def test_answered_calls_make_room_for_more() -> None:
    known = sources()
    passed = 0
    for number in range(2_000):
        now = START + number / 200
        passed += known.look("198.51.100.1", 5060, False, INVITE, now)
        known.credit("198.51.100.1", 5060, False, now)
    assert passed == 2_000


def test_wrong_passwords_are_weighed_by_python() -> None:
    known = sources()
    assert [known.weigh("198.51.100.1", 5060, False, WRONG, 1, START) for _ in range(21)] == [False] * 20 + [True]
    assert not known.look("198.51.100.1", 5060, False, REGISTER, START)


def test_answers_are_no_more_than_what_came_and_a_little() -> None:
    known = sources()
    drawn = sum(500 for _ in range(1_000) if known.may_answer("198.51.100.1", 5060, 500, START))
    assert drawn <= 16_000
    assert known.look("198.51.100.1", 5060, False, ACK * 50, START)
    assert known.may_answer("198.51.100.1", 5060, 900, START)
    known.prove("198.51.100.1", 5060, False, START + 60, START)
    assert all(known.may_answer("198.51.100.1", 5060, 500, START) for _ in range(1_000))


def test_networks_of_the_operator_come_first() -> None:
    known = sources()
    known.trust("198.51.100.0", 24)
    assert heard(known, "198.51.100.7", 5060, 100_000, START) == 100_000
    known.shut("198.51.100.7", 32, float("inf"))
    assert heard(known, "198.51.100.7", 5060, 10, START) == 0
    assert known.open("198.51.100.7", 32)
    assert heard(known, "198.51.100.7", 5060, 10, START) == 10


def test_this_host_is_never_banned_as_a_whole() -> None:
    known = sources()
    known.exempt("127.0.0.1", 32)
    for port in range(1, 10):
        heard(known, "127.0.0.1", port, 1_000, START)
    assert known.look("127.0.0.1", 99, False, REGISTER, START)


def test_a_ban_can_be_lifted() -> None:
    known = sources()
    for port in (1, 2, 3):
        heard(known, "198.51.100.1", port, 1_000, START)
    assert known.lift("198.51.100.1", START)
    assert known.look("198.51.100.1", 9, False, INVITE, START)
    assert not known.lift("198.51.100.1", START)


def test_a_source_with_no_past_is_forgotten_and_a_ban_is_not() -> None:
    known = sources(ban_first_s=7_200.0)
    heard(known, "198.51.100.1", 5060, 1_000, START)
    for host in range(200):
        known.look(f"203.0.113.{host}", 5060, False, INVITE, START)
    for second in range(70):
        known.sweep(START + 3_000 + second)
    assert 1 <= len(known) <= 2
    assert not known.look("198.51.100.1", 5060, False, INVITE, START + 3_100)


def invite(number: int, more: str = "X-More: " + "m" * 200) -> bytes:
    return (
        f"INVITE sip:{number}@192.0.2.1 SIP/2.0\r\nVia: SIP/2.0/UDP 198.51.100.1;branch=z9hG4bK{number}\r\n"
        f"Max-Forwards: 70\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:{number}@192.0.2.1>\r\nCall-ID: {number}\r\n"
        f"CSeq: 1 INVITE\r\n{more}\r\nContent-Length: 0\r\n\r\n"
    ).encode()


def test_who_is_not_heard_is_answered_with_no_more_bytes_than_came_and_not_for_ever() -> None:
    known = sources(refusal=503)
    came = drawn = answers = 0
    for number in range(20_000):
        data, now = invite(number), START + number / 1_000
        came += len(data)
        if not known.look("198.51.100.1", 5060, False, data, now):
            answer = known.refusal("198.51.100.1", 5060, False, data, now)
            assert answer is None or len(answer) <= len(data)
            drawn += len(answer or b"")
            answers += answer is not None
    assert 50 < answers < 200
    assert drawn < came / 100
    assert dict(known.counts())["refusals"] == answers


def test_a_thousand_answers_a_second_are_all_that_forged_sources_draw() -> None:
    known = sources(refusal=403)
    flood = [(f"10.{n >> 8 & 255}.{n & 255}.7", invite(n)) for n in range(5_000)]
    assert sum(known.refusal(host, 5060, False, data, START) is not None for host, data in flood) == 1_000


def test_silence_answers_nobody_and_a_503_says_how_long_a_ban_lasts() -> None:
    for status in (0, 503):
        known = sources(refusal=status)
        heard(known, "198.51.100.1", 5060, 1_000, START)
        answer = known.refusal("198.51.100.1", 5060, False, invite(1), START + 20)
        assert (answer is None) is (status == 0)
    assert b"\r\nRetry-After: 40\r\n" in (answer or b"")
    assert known.refusal("198.51.100.1", 5060, False, invite(1, ""), START + 20) is None


def test_an_address_that_others_write_on_datagrams_still_connects() -> None:
    known = sources()
    for host in range(1, 9):
        for port in (1, 2, 3):
            heard(known, f"198.51.100.{host}", port, 200, START)
    assert not known.look("198.51.100.99", 5060, False, REGISTER, START)
    assert known.look_at_connection("198.51.100.1", START)
    assert known.look("198.51.100.1", 40_000, True, REGISTER, START)
    assert {event[3] for event in known.events()} == {False}


def test_a_flood_over_connections_bans_these() -> None:
    known = sources()
    for port in (1, 2, 3):
        assert sum(known.look("198.51.100.1", port, True, INVITE, START) for _ in range(1_000)) <= 50
    assert not known.look_at_connection("198.51.100.1", START)
    assert known.look("198.51.100.1", 5060, False, REGISTER, START)
    assert {event[3] for event in known.events()} == {True}


def test_a_proof_over_a_connection_is_one_for_datagrams_too() -> None:
    known = sources()
    known.prove("198.51.100.1", 40_000, True, START + 3_600, START)
    assert known.is_known("198.51.100.1", 40_000, True, START)
    assert not known.is_known("198.51.100.1", 40_000, False, START)
    for port in (1, 2, 3):
        heard(known, "198.51.100.1", port, 1_000, START)
    assert known.look("198.51.100.1", 5060, False, REGISTER, START)


def test_whom_we_asked_is_heard_whatever_is_sent_in_his_name() -> None:
    """A carrier that nobody trusts by address, and somebody who wants to cut us off from it."""
    known = sources()
    known.asked("198.51.100.1", 5060, False, START)
    for port in (1, 2, 3, 5060):
        heard(known, "198.51.100.1", port, 10_000, START)
    later = START + 30
    assert (
        sum(known.look("198.51.100.1", 5060, False, b"SIP/2.0 200 OK", later + n / 2_000) for n in range(9_000))
        == 9_000
    )
    assert known.look("198.51.100.1", 5060, False, b"BYE sip:x SIP/2.0", later)
    assert known.may_answer("198.51.100.1", 5060, 400, later)
    assert not known.look("198.51.100.1", 9, False, REGISTER, later)


def test_web_servers_before_us_bring_everybody_back_at_once() -> None:
    known = sources()
    known.exempt("192.0.2.80", 32)
    assert all(known.look_at_connection("192.0.2.80", START) for _ in range(20_000))
    assert sum(known.look_at_connection("192.0.2.81", START) for _ in range(20_000)) <= 2_000


@pytest.mark.parametrize("data", [b"", b"\r\n\r\n", b"\x00\x01", b"\xff" * 100, b"INV", b"SIP/2.0 200 OK"])
def test_whatever_the_bytes_are_they_are_counted(data: bytes) -> None:
    assert sources().look("198.51.100.1", 5060, False, data, START)


def resident_mb() -> float:
    """What this process holds of the memory of the machine."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize() / 1e6


def test_what_a_flood_of_many_sources_took_goes_back_within_a_minute() -> None:
    """Also where phones have proven themselves and stay: they lie side by side, and hold no memory of others."""
    known = sources()
    for number in range(2_000):
        known.prove(f"10.1.{number >> 8}.{number & 255}", 5060, False, START + 3_600, START)
    before, beside = resident_mb(), len(known)
    for number in range(100_000):
        known.look(f"20.{number >> 16}.{number >> 8 & 255}.{number & 255}", 5060, False, INVITE, START)
    assert len(known) == beside + 100_000
    assert resident_mb() - before < 20
    for second in range(60):
        known.sweep(START + second)
    assert len(known) == beside
    assert resident_mb() - before < 5


def test_a_million_sources_cost_little_time_and_memory() -> None:
    known = sources()
    hosts = [f"{n >> 16}.{n >> 8 & 255}.{n & 255}.7" for n in range(1 << 16, (1 << 16) + 1_000_000)]
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    began = time.process_time()
    for host in hosts:
        known.look(host, 5060, False, INVITE, START)
    spent = time.process_time() - began
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    assert len(known) > 980_000
    assert grown < 150
    assert spent / len(hosts) < 5e-6
