"""A trace of the running edge becomes a call: legs, times, results, who ended it, streams."""

import math
from collections.abc import Callable

import pytest

from talkpath.base.address import Address, Flow, Transport
from talkpath.calls.build import call_of, summary_of
from talkpath.calls.ledger import Ledger
from talkpath.calls.model import Call, Joined, Result, Side, Summary
from talkpath.calls.trace import Trace, pack_second
from talkpath.capture.records import Second

from .talk import DESK, EDGE, PHONE, Talk, flow, sdp

IN = Talk()
OUT = Talk(vias=("z9hG4bK-b1", "z9hG4bK-a1"))
MEDIA_PHONE, MEDIA_DESK = Address("192.0.2.11", 4000), Address("192.0.2.12", 4002)
US_IN, US_OUT = Address("192.0.2.1", 30000), Address("192.0.2.1", 30002)


class Edge:
    """The running edge between PHONE and DESK, writing its ledger."""

    def __init__(self) -> None:
        self.ledger = Ledger()

    def heard(self, now: float, raw: bytes, remote: Address = PHONE) -> None:
        self.ledger.written(now, flow(remote), "a@x", raw, sent=False)

    def said(self, now: float, raw: bytes, remote: Address = PHONE) -> None:
        self.ledger.written(now, flow(remote), "a@x", raw, sent=True)

    @property
    def trace(self) -> Trace:
        return next(self.ledger.running())

    @property
    def call(self) -> Call:
        return call_of(self.trace)

    @property
    def summary(self) -> Summary:
        return summary_of(self.trace)

    def begins(self) -> "Edge":
        self.heard(10.0, IN.invite(sdp(MEDIA_PHONE)))
        self.said(10.01, IN.answer(100))
        self.said(10.02, OUT.invite(sdp(US_OUT)), DESK)
        self.heard(10.5, OUT.answer(180), DESK)
        self.said(10.51, IN.answer(180))
        return self

    def answers(self) -> "Edge":
        self.heard(12.0, OUT.answer(200, body=sdp(MEDIA_DESK)), DESK)
        self.said(12.01, IN.answer(200, body=sdp(US_IN)))
        self.heard(12.1, IN.via("z9hG4bK-a2").request("ACK"))
        self.said(12.11, OUT.via("z9hG4bK-b2", "z9hG4bK-a2").request("ACK"), DESK)
        return self

    def callee_hangs_up(self) -> "Edge":
        self.heard(20.0, Talk(vias=("z9hG4bK-c1",)).request("BYE", back=True, cseq=7), DESK)
        self.said(20.01, Talk(vias=("z9hG4bK-d1", "z9hG4bK-c1")).request("BYE", back=True, cseq=7))
        self.heard(20.1, Talk(vias=("z9hG4bK-d1", "z9hG4bK-c1")).answer(200, "OK", "BYE", back=True, cseq=7))
        self.said(20.11, Talk(vias=("z9hG4bK-c1",)).answer(200, "OK", "BYE", back=True, cseq=7), DESK)
        return self


def test_an_answered_call_has_two_legs_and_its_times() -> None:
    edge = Edge().begins().answers().callee_hangs_up()
    edge.ledger.ended(20.0, "a@x", Side.CALLEE, "bye")
    call = edge.call
    assert call.result is Result.ANSWERED
    assert (call.ring_s, call.answer_s, call.talk_s) == pytest.approx((0.51, 2.01, 7.99))
    assert (call.ended_by, call.ended_how) == (Side.CALLEE, "bye")
    assert (call.caller.user, call.callee.user) == ("1001", "1002")
    assert (call.caller.address, call.callee.address) == (PHONE, DESK)
    first, second = call.legs
    assert (first.caller, first.callee, second.caller, second.callee) == (PHONE, EDGE, EDGE, DESK)
    assert (second.parent, second.joined) == (0, Joined.PROXY)
    assert [len(leg.messages) for leg in call.legs] == [7, 6]
    assert [seen.from_caller for seen in first.messages] == [True, False, False, False, True, False, True]
    assert first.acked_at == 12.1


def test_the_row_of_a_list_agrees_with_the_whole_call() -> None:
    edge = Edge().begins().answers().callee_hangs_up()
    edge.ledger.ended(20.0, "a@x", Side.CALLEE, "bye")
    call, row = edge.call, edge.summary
    assert (row.id, row.call_id, row.caller, row.callee) == (call.id, "a@x", "1001", "1002")
    assert (row.ring_s, row.answer_s, row.talk_s) == (call.ring_s, call.answer_s, call.talk_s)
    assert (row.result, row.status, row.ended_by) == (call.result, call.status, call.ended_by)


def test_without_the_edges_word_the_bye_says_who_hung_up() -> None:
    call = Edge().begins().answers().callee_hangs_up().call
    assert (call.ended_by, call.ended_how, call.ended_at) == (Side.CALLEE, "bye", 20.0)


def _busy(edge: Edge) -> None:
    edge.heard(11.0, OUT.answer(486, "Busy Here"), DESK)
    edge.said(11.01, IN.answer(486, "Busy Here"))


def _declined(edge: Edge) -> None:
    edge.said(11.01, IN.answer(603, "Decline"))


def _cancelled(edge: Edge) -> None:
    edge.heard(11.0, IN.request("CANCEL", tagged=False))
    edge.said(11.01, IN.answer(200, "OK", "CANCEL"))
    edge.said(11.02, IN.answer(487, "Request Terminated"))


def _unavailable(edge: Edge) -> None:
    edge.said(40.0, IN.answer(480, "Temporarily Unavailable"))


def _broken(edge: Edge) -> None:
    edge.said(11.0, IN.answer(500, "Server Internal Error"))


def _nothing(edge: Edge) -> None:
    pass


@pytest.mark.parametrize(
    ("happens", "result", "by"),
    [
        (_busy, Result.BUSY, Side.CALLEE),
        (_declined, Result.REJECTED, Side.SERVER),
        (_cancelled, Result.CANCELLED, Side.CALLER),
        (_unavailable, Result.NO_ANSWER, Side.SERVER),
        (_broken, Result.FAILED, Side.SERVER),
        (_nothing, Result.ONGOING, Side.UNKNOWN),
    ],
)
def test_a_call_nobody_answered_says_why(happens: Callable[[Edge], None], result: Result, by: Side) -> None:
    edge = Edge().begins()
    happens(edge)
    assert edge.call.result is result
    assert edge.summary.result is result
    assert edge.call.ended_by is by


def test_retransmissions_are_folded_into_their_message() -> None:
    edge = Edge().begins()
    edge.heard(10.55, IN.invite(sdp(MEDIA_PHONE)))
    edge.said(10.56, IN.answer(100))
    edge.answers()
    edge.said(12.51, IN.answer(200, body=sdp(US_IN)))
    first = edge.call.legs[0]
    assert [len(seen.retransmitted) for seen in first.messages] == [1, 1, 0, 1, 0]


def test_a_call_that_was_challenged_is_one_call_on_the_same_leg() -> None:
    edge = Edge()
    edge.heard(9.0, IN.via("z9hG4bK-a0").invite())
    edge.said(9.01, IN.via("z9hG4bK-a0").answer(401, "Unauthorized"))
    edge.heard(9.02, IN.via("z9hG4bK-a0").request("ACK"))
    edge.heard(10.0, IN.invite(cseq=2))
    edge.said(10.02, OUT.on(cseq=2).invite(), DESK)
    edge.said(10.5, IN.answer(200, cseq=2))
    call = edge.call
    assert (len(call.legs), call.result, call.status) == (2, Result.ANSWERED, 200)
    assert call.answer_s == pytest.approx(1.5)
    assert call.ended_at is None


@pytest.mark.parametrize("transport", [Transport.TCP, Transport.UDP])
def test_credentials_that_made_the_invite_too_large_for_udp_are_the_same_leg(transport: Transport) -> None:
    edge, over = Edge(), Flow(transport, EDGE, PHONE._replace(port=40_123), 7)
    edge.heard(9.0, IN.via("z9hG4bK-a0").invite())
    edge.said(9.01, IN.via("z9hG4bK-a0").answer(407, "Proxy Authentication Required"))
    edge.heard(9.02, IN.via("z9hG4bK-a0").request("ACK"))
    edge.ledger.written(10.0, over, "a@x", IN.invite(cseq=2), sent=False)
    edge.said(10.02, OUT.on(cseq=2).invite(), DESK)
    edge.ledger.written(10.5, over, "a@x", IN.answer(200, cseq=2), sent=True)
    call, summary = edge.call, edge.summary
    assert [leg.parent for leg in call.legs] == [None, 0]
    assert (call.legs[0].transport, call.caller.address) == (transport, over.remote)
    assert (call.result, call.status, call.answer_s) == (Result.ANSWERED, 200, pytest.approx(1.5))
    assert (summary.result, summary.status, summary.answer_s) == (Result.ANSWERED, 200, pytest.approx(1.5))


def test_two_contacts_behind_one_address_are_two_legs() -> None:
    edge = Edge().begins()
    other = Talk(vias=("z9hG4bK-b9", "z9hG4bK-a1"), to_tag="t9")
    edge.said(10.03, other.invite(), DESK)
    edge.heard(10.6, other.answer(180), DESK)
    edge.heard(11.0, other.answer(200), DESK)
    legs = edge.call.legs
    assert [leg.parent for leg in legs] == [None, 0, 0]
    assert [leg.result for leg in legs] == [Result.ONGOING, Result.ONGOING, Result.ANSWERED]
    assert [leg.to_tags for leg in legs] == [("t1",), ("t1",), ("t9",)]


def test_several_early_dialogs_of_one_leg_are_all_named() -> None:
    edge = Edge().begins()
    edge.heard(10.7, OUT.on(to_tag="t2").answer(183), DESK)
    edge.heard(11.0, OUT.on(to_tag="t2").answer(200), DESK)
    leg = edge.call.legs[1]
    assert (leg.to_tags, leg.to_tag) == (("t1", "t2"), "t2")


def test_a_reinvite_changes_neither_times_nor_legs() -> None:
    edge = Edge().begins().answers()
    again = Talk(vias=("z9hG4bK-e1",), cseq=2)
    edge.heard(15.0, again.request("INVITE", body=sdp(MEDIA_PHONE, direction="sendonly")))
    edge.said(15.1, again.answer(200))
    call = edge.call
    assert len(call.legs) == 2
    assert (call.answer_s, call.legs[0].media[-1].direction) == (pytest.approx(2.01), "sendonly")


def test_a_call_older_than_the_ledger_is_answered_without_times() -> None:
    edge = Edge()
    edge.heard(15.0, Talk(cseq=9).request("INVITE"))
    call = edge.call
    assert (call.result, call.answer_s, call.talk_s) == (Result.ANSWERED, None, None)


def test_the_edge_ended_a_call_whose_media_stopped() -> None:
    edge = Edge().begins().answers()
    edge.ledger.moment(80.0, "a@x", "media.timeout", side="caller", seconds=60)
    edge.ledger.ended(80.0, "a@x", Side.SERVER, "media-timeout")
    call = edge.call
    assert (call.ended_by, call.ended_how, call.talk_s) == (Side.SERVER, "media-timeout", pytest.approx(67.99))
    assert [moment.kind for moment in call.moments] == ["media.timeout"]


def test_meters_become_streams_with_their_leg_and_direction() -> None:
    edge = Edge().begins().answers()
    for second in range(4):
        for source, target, level in ((MEDIA_PHONE, US_IN, -20.0), (MEDIA_DESK, US_OUT, -80.0)):
            row = Second(12.0 + second, 50, 1, 0, 0.4, 21, level, 0, 0, 0, 0, 8000)
            edge.ledger.media(13.0 + second, "a@x", (source, target, 7), pack_second(row), 8)
    caller, callee = edge.call.streams
    assert (caller.leg, caller.from_caller, callee.leg, callee.from_caller) == (0, True, 1, False)
    assert (caller.rtp.packets, caller.rtp.lost, caller.rtp.encoding) == (200, 4, "PCMA")
    assert (caller.speech_s, caller.silent_s) == (4.0, 0.0)
    assert (callee.speech_s, callee.silent_s) == (0.0, 4.0)
    assert math.isclose(caller.rtp.level_dbov, -20.0)


def test_streams_that_share_an_address_have_the_names_of_their_own_sections() -> None:
    video = f"m=video {US_IN.port} RTP/AVP 118\r\na=rtpmap:118 red/90000\r\n"
    edge = Edge().begins()
    edge.said(12.01, IN.answer(200, body=sdp(US_IN) + video))
    row = Second(12.0, 50, 0, 0, 0.4, 21, -20.0, 0, 0, 0, 0, 8000)
    for ssrc, payload_type in ((7, 8), (8, 118), (9, 77)):
        edge.ledger.media(13.0, "a@x", (MEDIA_PHONE, US_IN, ssrc), pack_second(row), payload_type)
    named = [(one.rtp.media, one.rtp.encoding) for one in edge.call.streams]
    assert named == [("audio", "PCMA"), ("video", "red"), ("audio", "")]


def test_the_seconds_in_which_a_stream_began_and_ended_count_for_their_part() -> None:
    edge = Edge().begins().answers()
    for second, packets in enumerate((15, 50, 50, 20)):
        row = Second(12.0 + second, packets, 0, 0, 0.4, 21, -20.0, 0, 0, 0, 0, 8000)
        edge.ledger.media(13.0 + second, "a@x", (MEDIA_PHONE, US_IN, 7), pack_second(row), 8)
    (stream,) = edge.call.streams
    assert stream.rtp.ptime_ms == 20.0
    assert (round(stream.rtp.start, 3), round(stream.rtp.end, 3)) == (12.7, 15.38)
    assert stream.speech_s is not None
    assert math.isclose(stream.speech_s, 2.7)


def test_a_stream_shorter_than_a_second_has_the_length_of_its_packets() -> None:
    edge = Edge().begins().answers()
    row = Second(12.0, 10, 0, 0, 0.4, 21, -80.0, 0, 0, 0, 0, 1600)
    edge.ledger.media(13.0, "a@x", (MEDIA_PHONE, US_IN, 7), pack_second(row), 8)
    (stream,) = edge.call.streams
    assert stream.speech_s == 0.0
    assert stream.silent_s is not None
    assert math.isclose(stream.silent_s, 0.2)


def test_a_phone_on_a_new_connection_stays_on_its_leg() -> None:
    edge = Edge().begins().answers()
    elsewhere = Address(PHONE.host, 61000)
    edge.heard(18.0, Talk(vias=("z9hG4bK-f1",), cseq=2).request("BYE"), elsewhere)
    call = edge.call
    assert len(call.legs) == 2
    assert call.ended_by is Side.CALLER
