"""Phones behind a NAT stay reachable, those that answer no more are not called, and many of them cost little."""

import pytest
from tests.edge.lab import HOME, PORT, REALM, Lab, Phone

from talkpath.base import limits
from talkpath.base.address import Address, Flow, Transport
from talkpath.edge.places.locality import Locality
from talkpath.edge.registrar.binding import Binding
from talkpath.edge.registrar.keepalive import KeepAlive
from talkpath.edge.settings import EdgeSettings, KeepAliveSettings


def state(lab: Lab, phone: Phone) -> str:
    known = lab.edge.core.keep_alive.state(phone.flow)
    return known.health if known is not None else "not kept"


def ring(lab: Lab, phone: Phone, call_id: str) -> list[str]:
    """Call the phone from elsewhere; gives what came to it."""
    phone.inbox.clear()
    caller = next((one for one in lab.phones if one.user == "1001"), None) or lab.registered("1001", "198.51.100.7")
    caller.inbox.clear()
    caller.invite(f"sip:{phone.user}@{HOME}", call_id=call_id)
    came = phone.methods()
    for invite in [one for one in phone.inbox if one.is_request and one.method == "INVITE"]:
        phone.answer(invite, 486, "Busy")
    return came


@pytest.mark.parametrize("answers", [True, False], ids=["answers-options", "knows-no-options"])
def test_a_phone_behind_a_forgetful_nat_rings_minutes_later(lab: Lab, answers: bool) -> None:
    phone = lab.behind_nat("1002", nat_s=8)
    phone.answers_options = answers
    for number in range(10):
        lab.wait(41.3)
        assert ring(lab, phone, f"c{number}") == ["INVITE"]


def test_nothing_is_sent_where_no_nat_shows(lab: Lab) -> None:
    phone = lab.registered("1002", "198.51.100.8")
    lab.wait(300)
    assert (phone.pings, phone.probes, state(lab, phone)) == ([], [], "not kept")


def test_a_connection_is_kept_open_by_its_own_means(lab: Lab) -> None:
    phone = lab.phone("1002", "203.0.113.7", 40001, Transport.TCP)
    phone.via_host, phone.contact = "192.168.1.9:5062", "sip:1002@192.168.1.9:5062;transport=tcp"
    phone.register()
    lab.wait(300)
    assert (phone.pings, phone.probes) == ([], [])


def test_the_way_to_a_phone_is_measured(lab: Lab) -> None:
    phone = lab.behind_nat("1002")
    phone.answers_options = False
    lab.wait(7)
    lab.now += 0.03
    phone.answer(phone.probes[-1], 404, "Who")  # whatever it says
    known = lab.edge.core.keep_alive.state(phone.flow)
    assert known is not None
    assert (known.health, known.misses) == ("answers", 0)
    assert known.rtt_s == pytest.approx(0.03 + 7 - 6, abs=0.5)
    assert known.answered_at == lab.now
    assert phone.statuses() == []


def test_probes_are_answered_by_nobody_else(lab: Lab) -> None:
    """Neither the ledger nor a transaction hears of them, and a forged one finds no phone."""
    phone = lab.behind_nat("1002")
    lab.wait(30)
    assert lab.edge.core.counters["stray_responses"] == 0
    assert len(list(lab.ledger.running())) == 0
    phone.lab.deliver(phone.flow, b"SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP x;branch=z9hG4bKguess\r\n\r\n")


def test_a_phone_that_knows_no_options_is_pinged_and_never_taken_for_gone(lab: Lab) -> None:
    phone = lab.behind_nat("1002")
    phone.answers_options = False
    lab.wait(600)
    assert state(lab, phone) == "silent"
    assert len(phone.probes) == 3
    assert len(phone.pings) > 90
    assert ring(lab, phone, "c1") == ["INVITE"]


def test_a_phone_that_answers_no_more_is_not_called(lab: Lab) -> None:
    phone = lab.behind_nat("1002")
    lab.wait(60)
    phone.is_on = False
    lab.wait(60)
    assert state(lab, phone) == "gone"
    assert ring(lab, phone, "c1") == []
    caller = next(one for one in lab.phones if one.user == "1001")
    assert caller.statuses()[-1] == 480
    assert "flow.unanswering" in lab.kinds("c1")


def test_other_phones_of_the_user_ring_without_it(lab: Lab) -> None:
    gone, desk = lab.behind_nat("1002"), lab.registered("1002", "198.51.100.8")
    lab.wait(60)
    gone.is_on = False
    lab.wait(60)
    assert (ring(lab, gone, "c1"), desk.methods()) == ([], ["INVITE"])


def test_who_was_gone_is_back_with_its_next_answer(lab: Lab) -> None:
    phone = lab.behind_nat("1002", nat_s=1e9)
    lab.wait(60)
    phone.is_on = False
    lab.wait(600)
    phone.is_on = True
    lab.wait(30)
    assert state(lab, phone) == "answers"
    assert ring(lab, phone, "c1") == ["INVITE"]


@pytest.mark.parametrize("sign", ["REGISTER", "INVITE"])
def test_who_was_gone_is_back_with_whatever_it_sends(lab: Lab, sign: str) -> None:
    phone = lab.behind_nat("1002")
    lab.wait(60)
    phone.is_on = False
    lab.wait(60)
    phone.is_on = True
    if sign == "REGISTER":
        phone.register()
    else:
        phone.invite(f"sip:echo@{HOME}", call_id="out")
    assert ring(lab, phone, "c1")[-1] == "INVITE"


def test_a_phone_that_stopped_answering_options_and_goes_on_registering_is_called(lab: Lab) -> None:
    phone = lab.behind_nat("1002")
    lab.wait(60)
    phone.answers_options = False
    for _ in range(3):
        lab.wait(120)
        phone.register()
    lab.wait(60)
    assert ring(lab, phone, "c1") == ["INVITE"]


def test_a_lost_answer_is_no_reason(lab: Lab) -> None:
    phone = lab.behind_nat("1002", nat_s=1e9)
    lab.wait(60)
    for _ in range(5):
        phone.is_on = False
        lab.wait(14)
        phone.is_on = True
        lab.wait(40)
        assert state(lab, phone) == "answers"


def test_a_phone_without_nat_that_missed_a_call_is_looked_after(lab: Lab) -> None:
    """A firewall in between forgets as a NAT does. It is gone at once, and back once it is heard."""
    phone = lab.registered("1002", "198.51.100.8")
    phone.is_on = False
    ring(lab, phone, "c1")
    lab.wait(40)
    assert state(lab, phone) == "gone"
    ring(lab, phone, "c2")
    assert "flow.unanswering" in lab.kinds("c2")
    phone.is_on = True
    lab.wait(60)
    assert state(lab, phone) == "answers"
    assert ring(lab, phone, "c3") == ["INVITE"]
    phone.pings.clear()
    lab.wait(60)
    assert len(phone.pings) + len(phone.probes) > 9


def test_a_phone_that_knows_no_options_and_missed_a_call_is_tried_again_soon(lab: Lab) -> None:
    phone = lab.behind_nat("1002", nat_s=1e9)
    phone.answers_options = False
    lab.wait(60)
    phone.is_on = False
    ring(lab, phone, "c1")
    lab.wait(40)
    phone.is_on = True
    assert ring(lab, phone, "c2") == []
    lab.wait(150)
    assert ring(lab, phone, "c3") == ["INVITE"]


def test_a_caller_who_gives_up_soon_proves_nothing(lab: Lab) -> None:
    phone = lab.behind_nat("1002", nat_s=1e9)
    lab.wait(60)
    phone.is_on = False
    ring(lab, phone, "c1")
    caller = next(one for one in lab.phones if one.user == "1001")
    invite = next(iter(lab.edge.core.calls.values()))
    assert invite.unanswered is not None
    invite.unanswered.abandon(lab.now, "", "tired")
    phone.is_on = True
    lab.wait(40)
    assert state(lab, phone) == "answers"
    assert caller.statuses()[-1] >= 400


def test_a_nat_that_forgot_a_phone_in_spite_of_us_is_visited_more_often() -> None:
    lab = Lab(
        EdgeSettings(
            own_hosts=frozenset({HOME}),
            listening=frozenset(PORT.items()),
            realm=REALM,
            keep_alive=KeepAliveSettings(interval_s=10.0),
        )
    )
    instance = ';+sip.instance="<urn:uuid:1>"'
    phone = lab.behind_nat("1002", nat_s=1e9, params=instance)
    lab.wait(60)
    phone.nat_s = 8
    lab.wait(60)
    assert state(lab, phone) == "gone"
    back = lab.behind_nat("1002", port=40777, nat_s=8, params=instance)
    lab.wait(200)
    assert ring(lab, back, "c1") == ["INVITE"]


def test_flows_are_kept_open_after_a_restart(lab: Lab) -> None:
    phone = lab.behind_nat("1002", nat_s=1e9)
    anew = Lab()
    anew.edge.core.registrar.load(lab.bindings.saved, anew.now)
    found = anew.phone("1002", "203.0.113.7", 40001)
    found.flow = phone.flow
    anew.wait(30)
    assert len(found.pings) + len(found.probes) >= 4


def test_who_unregistered_is_left_alone(lab: Lab) -> None:
    phone = lab.behind_nat("1002", nat_s=1e9)
    lab.wait(30)
    phone.register(expires=0)
    phone.pings.clear()
    phone.probes.clear()
    lab.wait(60)
    assert (phone.pings, phone.probes, len(lab.edge.core.keep_alive)) == ([], [], 0)


def test_accounts_of_one_phone_share_its_flow(lab: Lab) -> None:
    phone = lab.behind_nat("1002", nat_s=1e9)
    phone.user, phone.contact = "1003", "sip:1003@192.168.1.9:5062"
    phone.register()
    assert len(lab.edge.core.keep_alive) == 1
    phone.register(expires=0)
    lab.wait(60)
    assert 9 <= len(phone.pings) + len(phone.probes) <= 11


def test_it_can_be_turned_off() -> None:
    lab = Lab(EdgeSettings(own_hosts=frozenset({HOME}), realm=REALM, keep_alive=KeepAliveSettings(interval_s=0)))
    phone = lab.behind_nat("1002", nat_s=1e9)
    lab.wait(300)
    assert (phone.pings, phone.probes) == ([], [])


# --- many


def many(count: int, interval_s: float = 6.0) -> KeepAlive:
    keeper = KeepAlive(KeepAliveSettings(interval_s), Locality(EdgeSettings()), "s")
    local = Address(HOME, 5060)
    for number in range(count):
        flow = Flow(Transport.UDP, local, Address(f"203.0.{number >> 8 & 255}.{number & 255}", 1024 + (number >> 16)))
        contact = f"sip:u{number}@192.168.1.9:5060"
        keeper.hold(
            Binding(f"u{number}", ("", contact), contact, "", flow, "c", 1, 1e9, 0.0, behind_nat=True), 1000.0
        )
    return keeper


def run(keeper: KeepAlive, seconds: float) -> list[int]:
    """Let time pass; gives the datagrams of each second."""
    sent: list[int] = []
    now = 1000.0
    for second in range(int(seconds)):
        sent.append(0)
        while (due := keeper.deadline()) is not None and due < 1001.0 + second:
            now = max(now, due)
            keeper.expire(now)
            sent[-1] += len(keeper.out)
            keeper.out.clear()
    return sent


def test_the_load_of_many_phones_is_even_and_bounded() -> None:
    sent = run(many(20_000), 20)
    wished = limits.KEEP_ALIVES_PER_S
    assert max(sent) <= wished * 1.05
    assert min(sent[1:]) >= wished * 0.95


def test_each_of_many_has_its_turn_in_time() -> None:
    keeper = many(30_000)
    run(keeper, 16)
    assert all(kept.visits >= 1 for kept in keeper._kept.values())


def test_few_phones_wake_nobody_in_vain() -> None:
    keeper = many(1)
    beats, now = 0, 1000.0
    while (due := keeper.deadline()) is not None and due < 1060:
        now = max(now, due)
        keeper.expire(now)
        beats += 1
    assert beats <= 12


def test_of_many_that_are_new_few_are_asked_at_a_time() -> None:
    """An OPTIONS costs several times what line ends do: after a restart with many phones they take turns."""
    keeper = many(50_000)
    run(keeper, 60)
    assert 0 < keeper.probes <= 60 * limits.KEEP_ALIVE_PROBES_PER_S * 1.05


def test_many_phones_behind_nats_of_half_a_minute_are_all_held() -> None:
    for seconds, visits in ((26, 1), (52, 2)):
        keeper = many(50_000)
        assert sum(run(keeper, seconds)) <= limits.KEEP_ALIVES_PER_S * seconds
        assert min(kept.visits for kept in keeper._kept.values()) == visits
