"""Captures become calls: what belongs together is one call, what does not is not, whatever the capture looks like."""

import pytest

from talkpath.base.address import Address
from talkpath.calls.captured import CaptureLedger
from talkpath.calls.media import summed
from talkpath.calls.model import Call, Joined, Result, Side
from talkpath.calls.trace import pack_second
from talkpath.capture.records import IcmpError, IcmpKind, RtpStream, Second

from .talk import Caught, Talk, sdp

A, P, B = Address("10.0.1.1", 5060), Address("10.0.0.1", 5060), Address("10.0.2.2", 5060)
B2 = Address("10.0.2.3", 5060)
MEDIA_A, MEDIA_B = Address("10.0.1.1", 4000), Address("10.0.2.2", 4002)


def calls_of(caught: Caught, *others: RtpStream | IcmpError) -> list[Call]:
    ledger = CaptureLedger()
    for record in (*caught.records, *others):
        ledger.take([record])
    return ledger.calls()


def place(
    caught: Caught, talk: Talk, start: float = 100.0, *, src: Address = A, dst: Address = B, end: float | None = 10.0
) -> None:
    """A plain answered call on one hop."""
    caught.see(start, src, dst, talk.invite())
    caught.see(start + 0.1, dst, src, talk.answer(180))
    caught.see(start + 1, dst, src, talk.answer(200))
    caught.see(start + 1.1, src, dst, talk.via(talk.vias[0] + "k").request("ACK"))
    if end is not None:
        bye = talk.via(talk.vias[0] + "b")
        caught.see(start + end, src, dst, bye.request("BYE", cseq=talk.cseq + 1))
        caught.see(start + end, dst, src, bye.answer(200, "OK", "BYE", cseq=talk.cseq + 1))


def through_a_proxy(caught: Caught) -> None:
    """A calls B through P, B hangs up."""
    one, two = Talk(vias=("a1",)), Talk(vias=("p1", "a1"))
    caught.see(100.0, A, P, one.invite(sdp(MEDIA_A)))
    caught.see(100.01, P, A, one.answer(100))
    caught.see(100.02, P, B, two.invite(sdp(MEDIA_A)))
    for status, at in ((180, 100.5), (200, 102.0)):
        caught.see(at, B, P, two.answer(status, body=sdp(MEDIA_B) if status == 200 else ""))
        caught.see(at + 0.01, P, A, one.answer(status, body=sdp(MEDIA_B) if status == 200 else ""))
    caught.see(102.1, A, P, Talk(vias=("a2",)).request("ACK"))
    caught.see(102.11, P, B, Talk(vias=("p2", "a2")).request("ACK"))
    caught.see(110.0, B, P, Talk(vias=("b1",)).request("BYE", back=True, cseq=1))
    caught.see(110.01, P, A, Talk(vias=("p3", "b1")).request("BYE", back=True, cseq=1))
    caught.see(110.02, A, P, Talk(vias=("p3", "b1")).answer(200, "OK", "BYE", back=True, cseq=1))
    caught.see(110.03, P, B, Talk(vias=("b1",)).answer(200, "OK", "BYE", back=True, cseq=1))


# --- one Call-ID


def test_a_call_through_a_proxy_is_one_call_with_two_hops() -> None:
    caught = Caught()
    through_a_proxy(caught)
    (call,) = calls_of(caught)
    assert [(leg.caller, leg.callee, leg.parent) for leg in call.legs] == [(A, P, None), (P, B, 0)]
    assert (call.result, call.ended_by, call.ended_how) == (Result.ANSWERED, Side.CALLEE, "bye")
    assert (call.answer_s, call.talk_s) == (pytest.approx(2.01), pytest.approx(7.99))
    assert call.callee.address == B


def test_a_capture_beyond_the_proxy_shows_its_hop_only() -> None:
    caught, seen = Caught(), Caught()
    through_a_proxy(caught)
    for record in caught.records:
        if B in (record.src, record.dst):
            seen.see(record.time, record.src, record.dst, record.raw)
    (call,) = calls_of(seen)
    assert [(leg.caller, leg.callee) for leg in call.legs] == [(P, B)]
    assert (call.result, call.ended_by) == (Result.ANSWERED, Side.CALLEE)


def test_a_message_caught_twice_is_a_copy_and_one_sent_twice_a_retransmission() -> None:
    caught, talk = Caught(), Talk()
    caught.see(100.0, A, B, talk.invite())
    caught.see(100.0, A, B, talk.invite(), is_copy=True)
    caught.see(100.5, A, B, talk.invite())
    (call,) = calls_of(caught)
    (invite,) = call.messages
    assert (len(invite.copies), len(invite.retransmitted), invite.frames) == (1, 1, [1, 2, 3])


def test_the_other_side_of_a_nat_is_a_copy_and_no_hop() -> None:
    caught, talk = Caught(), Talk()
    outside = Address("203.0.113.9", 31000)
    caught.see(100.0, A, B, talk.invite())
    caught.see(100.001, outside, B, talk.invite())
    (call,) = calls_of(caught)
    assert len(call.legs) == 1
    assert len(call.messages[0].copies) == 1


def test_a_call_id_used_again_is_another_call() -> None:
    caught = Caught()
    for number, start in enumerate((100.0, 200.0, 300.0)):
        place(caught, Talk(vias=(f"z{number}",), from_tag=f"f{number}", to_tag=f"t{number}"), start)
    calls = calls_of(caught)
    assert [call.start for call in calls] == [100.0, 200.0, 300.0]
    assert len({call.id for call in calls}) == 3


def test_the_same_tags_and_numbers_again_after_the_end_are_another_call() -> None:
    caught = Caught()
    place(caught, Talk(vias=("z1",)), 100.0)
    place(caught, Talk(vias=("z2",)), 200.0)
    assert [call.start for call in calls_of(caught)] == [100.0, 200.0]


def test_a_call_that_authenticates_is_one_call() -> None:
    caught, first = Caught(), Talk(vias=("z0",))
    caught.see(99.0, A, B, first.invite())
    caught.see(99.1, B, A, first.answer(407))
    caught.see(99.2, A, B, first.request("ACK"))
    place(caught, Talk(vias=("z1",), cseq=2))
    (call,) = calls_of(caught)
    assert (len(call.legs), call.result, call.start) == (1, Result.ANSWERED, 99.0)


def test_a_fork_is_one_call_with_a_hop_for_each_phone() -> None:
    caught, one = Caught(), Talk(vias=("a1",))
    loser, winner = Talk(vias=("p1", "a1"), to_tag="t1"), Talk(vias=("p2", "a1"), to_tag="t2")
    caught.see(100.0, A, P, one.invite())
    caught.see(100.1, P, B, loser.invite())
    caught.see(100.1, P, B2, winner.invite())
    caught.see(100.2, B, P, loser.answer(180))
    caught.see(100.3, B2, P, winner.answer(200))
    caught.see(100.31, P, A, one.on(to_tag="t2").answer(200))
    caught.see(100.32, P, B, loser.request("CANCEL", tagged=False))
    caught.see(100.4, B, P, loser.answer(487))
    (call,) = calls_of(caught)
    assert [leg.result for leg in call.legs] == [Result.ANSWERED, Result.CANCELLED, Result.ANSWERED]
    assert call.callee.address == B2


def test_a_gateway_that_refuses_and_the_next_are_one_call() -> None:
    caught, one = Caught(), Talk(vias=("a1",))
    caught.see(100.0, A, P, one.invite())
    for target, branch, status in ((B, "p1", 503), (B2, "p2", 200)):
        hop = Talk(vias=(branch, "a1"), to_tag=branch)
        caught.see(100.1, P, target, hop.invite())
        caught.see(100.2, target, P, hop.answer(status))
    caught.see(100.3, P, A, one.answer(200))
    (call,) = calls_of(caught)
    assert [(leg.status, leg.parent) for leg in call.legs] == [(200, None), (503, 0), (200, 0)]


def test_a_response_that_was_filed_before_its_request_is_no_other_hop() -> None:
    caught, talk = Caught(), Talk()
    caught.see(100.0, B, A, talk.answer(100))
    caught.see(100.0, A, B, talk.invite())
    caught.see(101.0, B, A, talk.answer(200))
    (call,) = calls_of(caught)
    assert [(leg.caller, leg.callee, leg.result) for leg in call.legs] == [(A, B, Result.ANSWERED)]


def test_a_bye_past_the_proxy_belongs_to_the_call() -> None:
    caught = Caught()
    through_a_proxy(caught)
    del caught.records[-4:]
    caught.see(110.0, A, B, Talk(vias=("a9",)).request("BYE", cseq=2))
    (call,) = calls_of(caught)
    assert (len(call.legs), call.ended_by) == (2, Side.CALLER)


@pytest.mark.parametrize(("silence_s", "result"), [(10.0, Result.ONGOING), (40.0, Result.FAILED)])
def test_nobody_answered_and_the_capture_goes_on(silence_s: float, result: Result) -> None:
    caught = Caught()
    caught.see(100.0, A, B, Talk().invite())
    caught.see(100.0 + silence_s, B, A, Talk(call_id="r@x").request("OPTIONS"))
    (call,) = calls_of(caught)
    assert call.result is result


def test_what_is_no_call_is_given_back() -> None:
    ledger, caught = CaptureLedger(), Caught()
    register = caught.see(1.0, A, P, Talk(call_id="r@x").request("REGISTER", tagged=False))
    invite, broken = caught.see(1.0, A, P, Talk().invite()), caught.see(2.0, A, P, b"INVITE garbage")
    assert ledger.take([register, invite, broken]) == ([register], [])
    assert ledger.malformed == 1
    assert len(ledger.calls()) == 1


# --- two Call-IDs


def _two_sides(left: Talk, right: Talk, delay: float = 0.2, box: Address = P) -> Caught:
    caught = Caught()
    place(caught, left, 100.0, src=A, dst=P)
    place(caught, right, 100.0 + delay, src=box, dst=B, end=10.0 - delay)
    return caught


LEFT = Talk("left@a", ("l1",), "lf", "lt")
RIGHT = Talk("right@p", ("r1",), "rf", "rt")


@pytest.mark.parametrize(
    ("left", "right"),
    [
        (LEFT, RIGHT),
        (LEFT.on(callee="+49301234567"), RIGHT.on(callee="0301234567")),
        (LEFT.on(callee="500"), RIGHT),
        (LEFT.on(caller="x", callee="500"), RIGHT.on(headers=("X-CID: left@a",))),
        (
            LEFT.on(caller="x", callee="500", headers=("Session-ID: " + "ab" * 16 + ";remote=" + "0" * 32,)),
            RIGHT.on(headers=("Session-ID: " + "ab" * 16 + ";remote=" + "0" * 32,)),
        ),
        (
            LEFT.on(caller="x", callee="500", headers=('P-Charging-Vector: icid-value="q1";orig-ioi=a',)),
            RIGHT.on(headers=("P-Charging-Vector: icid-value=q1",)),
        ),
    ],
    ids=["same numbers", "prefixed number", "translated number", "named", "session-id", "charging"],
)
def test_the_two_sides_of_a_back_to_back_agent_are_one_call(left: Talk, right: Talk) -> None:
    (call,) = calls_of(_two_sides(left, right))
    assert call.call_ids == ("left@a", "right@p")
    assert [(leg.caller, leg.callee, leg.parent, leg.joined) for leg in call.legs] == [
        (A, P, None, Joined.FIRST),
        (P, B, 0, Joined.B2BUA),
    ]
    assert call.callee.address == B


def test_an_offer_passed_on_untouched_ties_two_sides() -> None:
    caught = Caught()
    caught.see(100.0, A, P, LEFT.on(caller="x", callee="500").invite(sdp(MEDIA_A)))
    caught.see(100.1, Address("10.0.0.9", 5060), B, RIGHT.invite(sdp(MEDIA_A)))
    assert len(calls_of(caught)) == 1


def test_callers_who_all_announce_the_same_media_stay_apart() -> None:
    caught = Caught()
    for number in range(6):
        talk = Talk(f"{number}@a", (f"v{number}",), f"f{number}", "t", caller=f"1{number}", callee=f"2{number}")
        caught.see(100.0 + number, Address(f"10.0.1.{number}", 5060), P, talk.invite(sdp(MEDIA_A)))
    assert len(calls_of(caught)) == 6


def test_a_retry_with_the_same_media_goes_through_its_own_box() -> None:
    caught = Caught()
    for number in range(2):
        left, right = LEFT.on(call_id=f"l{number}", callee="500"), RIGHT.on(call_id=f"r{number}", caller="x")
        caught.see(100.0 + 5 * number, A, P, left.via(f"l{number}").invite(sdp(MEDIA_A)))
        caught.see(100.1 + 5 * number, P, B, right.via(f"r{number}").invite(sdp(MEDIA_A)))
    assert [call.call_ids for call in calls_of(caught)] == [("l0", "r0"), ("l1", "r1")]


def test_three_call_ids_in_a_row_are_one_call() -> None:
    caught, second = Caught(), Address("10.0.0.5", 5060)
    place(caught, LEFT, 100.0, src=A, dst=P)
    place(caught, RIGHT, 100.1, src=P, dst=second, end=9.9)
    place(caught, Talk("far@q", ("q1",), "qf", "qt"), 100.2, src=second, dst=B, end=9.8)
    (call,) = calls_of(caught)
    assert [leg.parent for leg in call.legs] == [None, 0, 1]


def test_a_border_controller_with_an_address_for_each_side_makes_one_call() -> None:
    caught, outside = Caught(), Address("203.0.113.9", 5060)
    place(caught, LEFT.on(callee="061963177-ikhuuep5bi123"), 100.0, src=A, dst=P)
    place(caught, RIGHT.on(callee="061963177"), 100.05, src=outside, dst=B, end=9.98)
    assert len(calls_of(caught)) == 1
    other = Talk("other@q", ("q1",), "qf", "qt", callee="061963177")
    place(caught, other, 100.04, src=B2, dst=Address("10.9.9.8", 5060))
    assert len(calls_of(caught)) == 3


def test_a_bye_past_the_proxy_and_its_response_are_on_one_hop() -> None:
    caught = Caught()
    one, two = Talk(vias=("a1",)), Talk(vias=("p1", "a1"))
    caught.see(100.0, A, P, one.invite(sdp(MEDIA_A)))
    caught.see(100.02, P, B, two.invite(sdp(MEDIA_A)))
    caught.see(102.0, B, P, two.answer(200, body=sdp(MEDIA_B)))
    caught.see(102.01, P, A, one.answer(200, body=sdp(MEDIA_B)))
    caught.see(102.1, A, B, Talk(vias=("a2",)).request("ACK"))
    caught.see(110.0, A, B, Talk(vias=("a3",)).request("BYE", cseq=2))
    caught.see(110.1, B, A, Talk(vias=("a3",)).answer(200, "OK", "BYE", cseq=2))
    (call,) = calls_of(caught)
    places = {seen.sip.raw[:7]: (leg.index, seen.from_caller) for leg in call.legs for seen in leg.messages}
    assert places[b"BYE sip"] == (0, True)
    assert [seen.from_caller for seen in call.legs[0].messages if "BYE" in str(seen.sip.cseq.method)] == [True, False]


def test_who_hung_up_is_told_through_the_agent() -> None:
    caught = _two_sides(LEFT, RIGHT)
    records = [record for record in caught.records if b"BYE" not in record.raw]
    ended = Caught(records)
    ended.see(109.0, B, P, RIGHT.via("b1").request("BYE", back=True))
    ended.see(109.1, P, A, LEFT.via("p1").request("BYE", back=True))
    (call,) = calls_of(ended)
    assert call.ended_by is Side.CALLEE
    cut = Caught(records)
    cut.see(109.0, P, A, LEFT.via("p1").request("BYE", back=True))
    cut.see(109.1, P, B, RIGHT.via("p2").request("BYE"))
    (call,) = calls_of(cut)
    assert call.ended_by is Side.SERVER


@pytest.mark.parametrize(
    ("left", "right", "delay", "box"),
    [
        (LEFT, RIGHT.on(caller="7", callee="8"), 0.2, P),
        (LEFT, RIGHT, 0.2, Address("10.9.9.9", 5060)),
        (LEFT, RIGHT, 20.0, P),
        (LEFT.on(callee="500"), RIGHT, 0.2, Address(P.host, 7000)),
        (LEFT, RIGHT, 0.2, A),
    ],
    ids=["other numbers", "another box", "after the end", "one number, another socket", "the same phone"],
)
def test_calls_that_only_look_related_are_two(left: Talk, right: Talk, delay: float, box: Address) -> None:
    assert len(calls_of(_two_sides(left, right, delay, box))) == 2


def test_a_load_test_on_one_machine_is_as_many_calls_as_it_made() -> None:
    client, server = Address("127.0.0.1", 5061), Address("127.0.0.1", 5060)
    caught = Caught()
    for number in range(30):
        talk = Talk(f"{number}@x", (f"z{number}",), f"f{number}", f"t{number}")
        place(caught, talk, 100.0 + number * 0.3, src=client, dst=server)
    assert len(calls_of(caught)) == 30


def test_a_load_test_through_an_agent_is_joined_one_by_one() -> None:
    client, box, server = (Address("127.0.0.1", port) for port in (5061, 5060, 5070))
    caught = Caught()
    for number in range(30):
        place(caught, Talk(f"l{number}@x", (f"l{number}",)), 100.0 + number * 0.3, src=client, dst=box)
        place(caught, Talk(f"r{number}@x", (f"r{number}",)), 100.35 + number * 0.3, src=box, dst=server)
    calls = calls_of(caught)
    assert len(calls) == 30
    assert all(call.call_ids[0][1:] == call.call_ids[1][1:] for call in calls)


# --- what is around a call


def stream(src: Address, dst: Address, start: float, end: float) -> RtpStream:
    rows = (Second(time, 50, 0, 0, 0.1, 21, -20.0, 0, 0, 0, 0, 8000) for time in (start, end - 1))
    return summed((src, dst, 7), b"".join(pack_second(row) for row in rows), 0, "PCMU")


def test_streams_go_to_the_call_that_announced_them_at_that_time() -> None:
    caught = Caught()
    for number, start in enumerate((100.0, 200.0)):
        talk = Talk(f"{number}@x", (f"z{number}",))
        caught.see(start, A, B, talk.invite(sdp(MEDIA_A)))
        caught.see(start + 1, B, A, talk.answer(200, body=sdp(MEDIA_B)))
        caught.see(start + 9, A, B, talk.via("b").request("BYE", cseq=2))
    ledger = CaptureLedger()
    for record in (*caught.records, stream(MEDIA_A, MEDIA_B, 101.0, 109.0), stream(MEDIA_B, MEDIA_A, 201.0, 209.0)):
        ledger.take([record])
    ledger.take([stream(Address("10.9.9.9", 1), Address("10.9.9.9", 2), 101.0, 102.0)])
    first, second = ledger.calls()
    assert [(one.leg, one.from_caller) for one in first.streams] == [(0, True)]
    assert [(one.leg, one.from_caller) for one in second.streams] == [(0, False)]
    assert len(ledger.strays) == 1


def test_of_two_calls_in_a_row_on_the_same_ports_each_has_its_own_stream() -> None:
    caught = Caught()
    for number, start in enumerate((100.0, 109.2)):
        talk = Talk(f"{number}@x", (f"z{number}",))
        caught.see(start, A, B, talk.invite(sdp(MEDIA_A)))
        caught.see(start + 1, B, A, talk.answer(200, body=sdp(MEDIA_B)))
        caught.see(start + 9, A, B, talk.via("b").request("BYE", cseq=2))
    first, second = calls_of(caught, stream(MEDIA_A, MEDIA_B, 101.0, 109.0), stream(MEDIA_A, MEDIA_B, 110.3, 118.0))
    assert [one.rtp.start for one in first.streams] == [101.0]
    assert [one.rtp.start for one in second.streams] == [110.3]


def test_an_icmp_error_stays_with_the_call_whose_packet_it_answers() -> None:
    caught = Caught()
    caught.see(100.0, A, B, Talk().invite())
    icmp = IcmpError(2, 100.01, B.host, A.host, IcmpKind.PORT_UNREACHABLE, 3, 3, 0, A, B, 17, b"INVITE")
    (call,) = calls_of(caught, icmp)
    assert call.records == (icmp,)


def test_of_a_feed_a_call_that_ended_is_folded_again_only_when_it_is_heard_of() -> None:
    ledger, caught = CaptureLedger(), Caught()
    place(caught, Talk("a@x"), 100.0)
    place(caught, Talk("b@x", ("z2",)), 105.0)
    for record in caught.records:
        ledger.take([record])
    first = ledger.over(119.0)
    assert [one.call_ids for one in first] == [["a@x"]]
    kept = ledger._ended["b@x"][1][0]
    ledger.release(first, 119.0)
    assert ledger.over(124.0)[0].legs[0].hop is kept.first
    ledger.take([caught.see(124.5, A, B, Talk("b@x", ("z2b",)).request("BYE", cseq=2))])
    assert ledger.over(125.0) == []
    assert ledger.over(133.0)[0].legs[0].hop is not kept.first


def test_a_feed_tells_each_call_once_when_all_of_it_is_quiet() -> None:
    ledger = CaptureLedger()
    for record in _two_sides(LEFT, RIGHT).records:
        ledger.take([record])
    ledger.take([Caught().see(105.0, A, P, Talk("other@a", ("o1",)).invite())])
    assert ledger.over(111.0) == []
    (call,) = ledger.release(ledger.over(130.0), 130.0)
    assert call.call_ids == ("left@a", "right@p")
    assert ledger.over(140.0) == []
    assert len(ledger.calls()) == 1


def test_a_message_without_a_call_id_belongs_to_no_call() -> None:
    ledger, caught = CaptureLedger(), Caught()
    for number, whole in enumerate((Talk().invite(), Talk().request("OPTIONS", tagged=False))):
        lines = whole.split(b"\r\n")
        bare = b"\r\n".join(line for line in lines if not line.lower().startswith((b"call-id:", b"i:")))
        assert ledger.take([caught.see(1.0 + number, A, P, bare)]) == ([], [])
    assert ledger.malformed == 2
    assert ledger.calls() == []
